"""The proxies a Python developer would write first: they stream, keep connections alive, and check nothing."""
