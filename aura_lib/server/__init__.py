"""JupyterLab and the dashboards behind one address and one login"""
