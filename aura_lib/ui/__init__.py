"""ipywidgets/anywidget pieces that the dashboards are made of"""
