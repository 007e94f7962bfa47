"""The OpenAPI description, made from the table of routes and the bodies they take."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from aura_lib._version import __version__
from aura_lib.core.errors import HTTP_STATUS, AuraError
from aura_lib.server.api.routes import BASE, ROUTES, Route

REFERENCE = "#/components/schemas/{model}"


def openapi(base_url: str = "/") -> dict[str, Any]:
    """The description of the API (OpenAPI 3.1)."""
    taken = dict.fromkeys(route.takes for route in ROUTES if route.takes is not None)
    _, schemas = models_json_schema([(kind, "validation") for kind in taken], ref_template=REFERENCE)
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(f"/{BASE}/{route.path}", {})[route.method.lower()] = _operation(route, schemas["$defs"])
    error = {"type": "object", "required": ["error", "message"],
             "properties": {"error": {"type": "string"}, "message": {"type": "string"}}}  # fmt: skip
    return {
        "openapi": "3.1.0",
        "info": {"title": "Aura", "version": __version__, "description": "Reads accounts; writes intents."},
        "servers": [{"url": base_url}],
        "paths": paths,
        "components": {
            "schemas": {**schemas["$defs"], "Error": error},
            "securitySchemes": {"token": {"type": "apiKey", "in": "header", "name": "Authorization"}},
        },
        "security": [{"token": []}],
    }


def _operation(route: Route, models: dict[str, Any]) -> dict[str, Any]:
    told = (route.call.__doc__ or "").strip()
    found: dict[str, Any] = {
        "operationId": route.call.__name__,
        "summary": told,
        "parameters": [_parameter(name, {"type": "string"}, "path") for name in route.names],
        "responses": {str(route.status): {"description": "what was asked for"}, **_errors()},
    }
    if route.takes is not None and route.in_query:
        fields = models[route.takes.__name__]["properties"]
        found["parameters"] += [_parameter(name, schema, "query") for name, schema in fields.items()]
    elif route.takes is not None:
        schema = {"$ref": REFERENCE.format(model=route.takes.__name__)}
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return found


def _parameter(name: str, schema: dict[str, Any], where: str) -> dict[str, Any]:
    return {"name": name, "in": where, "required": where == "path", "schema": schema}


def _errors() -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": REFERENCE.format(model="Error")}}}
    families: dict[int, list[str]] = {}
    for family, status in HTTP_STATUS:
        if family is not AuraError:
            families.setdefault(status, []).append(family.__name__)
    return {str(status): {"description": ", ".join(names), "content": content} for status, names in families.items()}
