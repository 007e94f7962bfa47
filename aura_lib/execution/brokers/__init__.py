"""Brokers: one adapter a venue. They do not know each other and load their client when they are used."""
