"""Two services as authors write them, described by hand: four lines that count words, and one with all kinds of types.

What they run is theirs alone: no code of an author is loaded. `tests.typed_server` serves them.
"""

import sys
from typing import Final

from wsrf_activity.model import ns
from wsrf_activity.model.interfaces import Argument, Interface, Operation
from wsrf_activity.model.services import Parameter, Service

WORDS_NS: Final = "urn:wsrf-activity:service:words"
SURVEY_NS: Final = "http://survey.example/2026"

_HEAD: Final = (
    '<xs:schema xmlns:xs="{xsd}" xmlns:tns="{namespace}" targetNamespace="{namespace}" elementFormDefault="qualified">'
)


def schema(namespace: str, content: str) -> bytes:
    """Return a schema with these components; `xs` and `tns` are the prefixes."""
    return (_HEAD.format(xsd=ns.XSD, namespace=namespace) + content + "</xs:schema>").encode()


WORDS: Final = Interface(
    name="words",
    namespace=WORDS_NS,
    schema=schema(
        WORDS_NS,
        """
        <xs:complexType name="countType"><xs:sequence>
          <xs:element name="text" type="xs:string"/>
        </xs:sequence></xs:complexType>
        <xs:element name="count" type="tns:countType"/>
        <xs:element name="countResult" type="xs:long"/>
        """,
    ),
    operations=(
        Operation(
            name="count",
            service="words.count",
            arguments=(Argument(name="text"),),
            returns=True,
            documentation="Counts the words of a text.",
        ),
    ),
)

SURVEY: Final = Interface(
    name="survey",
    namespace=SURVEY_NS,
    documentation="What was measured, and what comes of it.",
    schema=schema(
        SURVEY_NS,
        """
        <xs:simpleType name="Unit"><xs:restriction base="xs:string">
          <xs:enumeration value="metre"/><xs:enumeration value="foot"/>
        </xs:restriction></xs:simpleType>
        <xs:complexType name="Point"><xs:sequence>
          <xs:element name="label" type="xs:string"/>
          <xs:element name="height" type="xs:double"/>
          <xs:element name="seen" type="xs:dateTime" minOccurs="0"/>
        </xs:sequence></xs:complexType>
        <xs:complexType name="Summary"><xs:sequence>
          <xs:element name="unit" type="tns:Unit"/>
          <xs:element name="highest" type="tns:Point" minOccurs="0"/>
          <xs:element name="labels" type="xs:string" minOccurs="0" maxOccurs="unbounded"/>
          <xs:element name="made" type="xs:dateTime"/>
        </xs:sequence></xs:complexType>
        <xs:complexType name="summariseType"><xs:sequence>
          <xs:element name="points" type="tns:Point" minOccurs="0" maxOccurs="unbounded"/>
          <xs:element name="unit" type="tns:Unit"/>
          <xs:element name="since" type="xs:dateTime" minOccurs="0"/>
          <xs:element name="tags" type="xs:string" minOccurs="0" maxOccurs="unbounded"/>
        </xs:sequence></xs:complexType>
        <xs:element name="summarise" type="tns:summariseType"/>
        <xs:element name="summariseResult" type="tns:Summary"/>
        <xs:complexType name="classType"><xs:sequence>
          <xs:element name="lambda" type="xs:base64Binary"/>
        </xs:sequence></xs:complexType>
        <xs:element name="class" type="tns:classType"/>
        <xs:element name="classResult" type="xs:base64Binary"/>
        <xs:complexType name="nothingType"><xs:sequence/></xs:complexType>
        <xs:element name="nothing" type="tns:nothingType"/>
        <xs:element name="slow" type="tns:nothingType"/>
        """,
    ),
    operations=(
        Operation(
            name="summarise",
            service="survey.summarise",
            arguments=(
                Argument(name="points", simple=False, required=False, repeats=True),
                Argument(name="unit"),
                Argument(name="since", required=False),
                Argument(name="tags", required=False, repeats=True),
            ),
            returns=True,
        ),
        Operation(name="class", service="survey.class", arguments=(Argument(name="lambda"),), returns=True),
        Operation(name="nothing", service="survey.nothing"),
        Operation(name="slow", service="survey.slow"),
    ),
)

#: Reads the request of summarise and writes what comes of it.
_SUMMARISE: Final = """
import os
from lxml import etree
request = etree.parse(os.environ["ACTIVITY_ARGUMENTS"]).getroot()
namespace = etree.QName(request).namespace
def texts(parent, name):
    return [each.text or "" for each in parent.iterfind("{%s}%s" % (namespace, name))]
def add(parent, name, text=None):
    etree.SubElement(parent, "{%s}%s" % (namespace, name)).text = text
    return parent[-1]
points = request.findall("{%s}points" % namespace)
summary = etree.Element("{%s}summariseResult" % namespace)
add(summary, "unit", texts(request, "unit")[0])
if points:
    highest = max(points, key=lambda point: float(texts(point, "height")[0]))
    copied = add(summary, "highest")
    for child in highest:
        add(copied, etree.QName(child).localname, child.text)
for label in [text for point in points for text in texts(point, "label")] + texts(request, "tags"):
    add(summary, "labels", label)
add(summary, "made", (texts(request, "since") or ["2026-01-01T00:00:00Z"])[0])
etree.ElementTree(summary).write("summary.xml", encoding="utf-8")
with open(os.environ["ACTIVITY_RESULTS"], "a") as results:
    results.write("result application/xml summary.xml\\n")
"""
#: Gives the input back.
_COPY: Final = 'cat > copy; echo "result application/octet-stream copy" > "$ACTIVITY_RESULTS"'

SERVICES: Final = {
    service.name: service
    for service in (
        Service(
            name="words.count",
            shell="test {text} != fail && printf %s {text} | wc -w",
            parameters=(Parameter(name="text"),),
            interface="words",
        ),
        Service(name="survey.summarise", function=(sys.executable, "-c", _SUMMARISE), interface="survey"),
        Service(
            name="survey.class", function=("/bin/sh", "-c", _COPY), interface="survey", synchronous=True
        ),  # what comes back is the input
        Service(name="survey.nothing", function=("/bin/true",), interface="survey"),
        Service(name="survey.slow", function=("/bin/sleep", "600"), interface="survey"),
    )
}
INTERFACES: Final = {interface.name: interface for interface in (WORDS, SURVEY)}
