"""The HTTP API: names, shapes and errors that game servers, portals and tills rely on."""
