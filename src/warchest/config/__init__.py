"""Settings, wiring and entry points: the only place that knows which implementation stands behind which contract."""
