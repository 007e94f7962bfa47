"""`aura.run`; run notebooks with parameters, on schedule, promote them; keep the Run"""
