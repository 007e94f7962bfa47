"""`decide(...)`: the same in test and live"""
