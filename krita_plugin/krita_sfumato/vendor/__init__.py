"""Code of others and code shared with the backend, carried along because Krita's Python has no packages.

websockets     16.1.1, https://github.com/python-websockets/websockets, BSD-3-Clause (its LICENSE lies beside it);
               only what a synchronous client needs, unchanged, without the compiled part
sfumato_wire   copied in from `shared/` when the plugin is installed or packaged
"""
