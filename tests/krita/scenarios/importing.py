"""The plugin's zip is given to Krita's own importer, which is answered with Yes."""

import os

from plugin_importer.plugin_importer_extension import PluginImporterExtension


def scenario(kit):
    kit.window()
    yield 1
    kit.check("not there yet", not kit.has("sfumato"))
    asked = kit.answer()
    PluginImporterExtension(kit.app).do_import(os.environ["SFUMATO_ZIP"])
    kit.check("asked once, whether to enable it", len(asked) == 1 and "<li>Sfumato</li>" in asked[0], asked)
    kit.quit()
    yield 60
