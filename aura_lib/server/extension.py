"""What Aura adds to JupyterLab's own server: routes, and what its page is told."""

from __future__ import annotations

from typing import Any

from jupyter_server.serverapp import ServerApp

from aura_lib.server import api, assets, launcher, output

# JupyterLab asks for news and shows a button that renders notebooks with a Voila that is not ours.
OFF = ("@jupyterlab/apputils-extension:announcements", "@voila-dashboards/jupyterlab-preview")


def load(server_app: ServerApp) -> None:
    """Add our routes and options; called once, when JupyterLab's routes are there."""
    base_url = server_app.base_url
    rules: list[tuple[Any, ...]] = [
        (rf"{base_url}aura/static/[0-9a-f]+/(.+)", assets.Asset),
        (rf"{base_url}aura/runs/([\w.-]+)", output.Output),
        *launcher.handlers(base_url),
        *api.handlers(base_url),
    ]
    server_app.web_app.add_handlers(".*$", rules)
    server_app.web_app.settings["page_config_hook"] = page_config


def page_config(handler: Any, config: dict[str, Any]) -> dict[str, Any]:
    """JupyterLab's page config with ours: `PageConfig.getOption("auraStatic")` finds the folder of our files."""
    off = config.get("disabledExtensions", [])
    config["disabledExtensions"] = [*off, *(name for name in OFF if name not in off)]
    config["auraStatic"] = assets.url(handler.base_url)
    config["fullMathjaxUrl"] = ""
    return config
