"""LibreOffice as a converter: DOC, ODT and RTF to DOCX, headless, in a profile of its own that is thrown away.

Knows how it is kept from running macros and from fetching anything. Refuses to know
documents.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from assistant.retrieval.documents import damaged, missing_program
from assistant.retrieval.kinds import LIBREOFFICE
from assistant.retrieval.reading.programs import run

_SECONDS = 50.0
# no macros, no linked content from anywhere but the file, and a proxy that is not there for whatever asks all the same
_PROFILE = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Office.Common/Security/Scripting"><prop oor:name="MacroSecurityLevel"><value>3</value>
</prop><prop oor:name="DisableMacrosExecution"><value>true</value></prop><prop oor:name="BlockUntrustedRefererLinks">
<value>true</value></prop></item>
<item oor:path="/org.openoffice.Inet/Settings"><prop oor:name="ooInetProxyType"><value>2</value></prop>
<prop oor:name="ooInetHTTPProxyName"><value>127.0.0.1</value></prop>
<prop oor:name="ooInetHTTPProxyPort"><value>9</value></prop>
<prop oor:name="ooInetHTTPSProxyName"><value>127.0.0.1</value></prop>
<prop oor:name="ooInetHTTPSProxyPort"><value>9</value></prop></item>
</oor:items>
"""


def to_docx(name: str, data: bytes, suffix: str) -> bytes:
    """A text document of a kind (".odt") as DOCX; raises `DocumentRefused`."""
    program = LIBREOFFICE.path()
    if program is None:
        raise missing_program(name, LIBREOFFICE.name, LIBREOFFICE.packages)
    with tempfile.TemporaryDirectory() as folder:
        profile = Path(folder, "profile", "user")
        profile.mkdir(parents=True)
        (profile / "registrymodifications.xcu").write_text(_PROFILE, "utf-8")
        document = Path(folder, f"document{suffix}")
        document.write_bytes(data)
        command = [
            program, f"-env:UserInstallation={profile.parent.as_uri()}", "--headless", "--norestore", "--nolockcheck",
            "--nodefault", "--convert-to", "docx:MS Word 2007 XML", "--outdir", str(Path(folder, "out")), str(document),
        ]  # fmt: skip
        try:
            run(command, seconds=_SECONDS, environment={**os.environ, "HOME": folder})
        except subprocess.TimeoutExpired as error:
            raise damaged(name, "LibreOffice", f"no result after {_SECONDS:.0f} s") from error
        converted = Path(folder, "out", "document.docx")
        if not converted.is_file():
            raise damaged(name, suffix.lstrip(".").upper(), "LibreOffice does not open it")
        return converted.read_bytes()
