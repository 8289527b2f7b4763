"""Every namespace URI, dialect and fixed address of the wire, once. No I/O and no XML library here; the Actions
of operations are not listed, they are read from the WSDL.
"""

from typing import Final

# Ours.
ACT: Final = "urn:wsrf-activity:1"  #: elements and types, ``schemas/activity.xsd``
ACTW: Final = "urn:wsrf-activity:1:wsdl"  #: ``wsdl/activity.wsdl``
ACTN: Final = "urn:wsrf-activity:1:wsdl:notification"  #: ``wsdl/notification.wsdl``
ACTC: Final = "urn:wsrf-activity:1:wsdl:consumer"  #: ``wsdl/consumer.wsdl``
ACTM: Final = "urn:wsrf-activity:1:wsdl:metadata"  #: ``wsdl/metadata.wsdl``
REF: Final = "urn:wsrf-activity:1:reference"  #: reference parameters: in no schema, so that clients echo them

# WS-Addressing.
WSA: Final = "http://www.w3.org/2005/08/addressing"
WSA04: Final = "http://schemas.xmlsoap.org/ws/2004/08/addressing"  #: old, still sent
WSAM: Final = "http://www.w3.org/2007/05/addressing/metadata"
WSAW: Final = "http://www.w3.org/2006/05/addressing/wsdl"
WSDLI: Final = "http://www.w3.org/ns/wsdl-instance"  #: for wsdlLocation in endpoint references

# WSRF 1.2 and WS-Notification 1.3.
BF: Final = "http://docs.oasis-open.org/wsrf/bf-2"
R: Final = "http://docs.oasis-open.org/wsrf/r-2"
RP: Final = "http://docs.oasis-open.org/wsrf/rp-2"
RL: Final = "http://docs.oasis-open.org/wsrf/rl-2"
WSNT: Final = "http://docs.oasis-open.org/wsn/b-2"
WSTOP: Final = "http://docs.oasis-open.org/wsn/t-1"

# SOAP, WSDL, XML Schema and what goes with them.
S11: Final = "http://schemas.xmlsoap.org/soap/envelope/"
S12: Final = "http://www.w3.org/2003/05/soap-envelope"
SOAP11_BINDING: Final = "http://schemas.xmlsoap.org/wsdl/soap/"
SOAP12_BINDING: Final = "http://schemas.xmlsoap.org/wsdl/soap12/"
SOAP_HTTP: Final = "http://schemas.xmlsoap.org/soap/http"  #: the transport that both bindings name
WSDL: Final = "http://schemas.xmlsoap.org/wsdl/"
XSD: Final = "http://www.w3.org/2001/XMLSchema"
XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
XML: Final = "http://www.w3.org/XML/1998/namespace"
XOP: Final = "http://www.w3.org/2004/08/xop/include"
RMD: Final = "http://docs.oasis-open.org/wsrf/rmd-1"  #: which properties change, and who may change them
MEX: Final = "http://schemas.xmlsoap.org/ws/2004/09/mex"
WSSE: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"

#: How messages and schemas abbreviate them: one prefix is one namespace everywhere, and none has a hyphen,
#: because code generators turn prefixes into identifiers. In a WSDL ``soap`` and ``soap12`` are the bindings.
PREFIXES: Final[dict[str, str]] = {
    "act": ACT,
    "actw": ACTW,
    "actn": ACTN,
    "actc": ACTC,
    "actm": ACTM,
    "wsa": WSA,
    "wsam": WSAM,
    "wsdli": WSDLI,
    "wsrfbf": BF,
    "wsrfr": R,
    "wsrfrp": RP,
    "wsrfrl": RL,
    "wsnt": WSNT,
    "wstop": WSTOP,
    "soap": S11,
    "soap12": S12,
    "wsdl": WSDL,
    "mex": MEX,
    "xsd": XSD,
    "xsi": XSI,
}

# Endpoint addresses with a meaning of their own (WS-Addressing 1.0 Core, section 2.1); 2004/08 has no "none".
WSA_ANONYMOUS: Final = f"{WSA}/anonymous"
WSA_NONE: Final = f"{WSA}/none"
WSA_UNSPECIFIED: Final = f"{WSA}/unspecified"  #: the RelatesTo of a reply to a message without an id
WSA_REPLY: Final = f"{WSA}/reply"  #: the relationship that is meant when RelatesTo names none
WSA04_ANONYMOUS: Final = f"{WSA04}/role/anonymous"

# Actions of faults: the element in the detail decides, not the operation.
WSRF_FAULT_ACTION: Final = "http://docs.oasis-open.org/wsrf/fault"  #: ours too
WSN_FAULT_ACTION: Final = "http://docs.oasis-open.org/wsn/fault"  #: those of WS-BaseNotification
WSA_FAULT_ACTION: Final = f"{WSA}/fault"  #: WS-Addressing's own
WSA04_FAULT_ACTION: Final = f"{WSA04}/fault"
SOAP_FAULT_ACTION: Final = f"{WSA}/soap/fault"  #: SOAP's own, such as MustUnderstand

# Dialects of expressions.
XPATH10: Final = "http://www.w3.org/TR/1999/REC-xpath-19991116"
TOPIC_SIMPLE: Final = f"{WSTOP}/TopicExpression/Simple"
TOPIC_CONCRETE: Final = f"{WSTOP}/TopicExpression/Concrete"
TOPIC_FULL: Final = f"{WSTOP}/TopicExpression/Full"
#: ONVIF's, and the form of it in the examples of ONVIF's specification, which clients have copied.
TOPIC_CONCRETE_SETS: Final = (
    "http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet",
    "http://docs.oasis-open.org/wsnt/t-1/TopicExpression/ConcreteSet",
)
