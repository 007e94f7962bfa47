"""login, roles, REST, WebSocket, dashboards"""
