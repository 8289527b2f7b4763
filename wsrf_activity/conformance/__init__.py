"""A conformance suite for any server: it speaks SOAP by hand over HTTP and judges what comes by the standards.

It knows the schemas of ``soap.contract`` and nothing else of the server here, so that it can find it wrong.
"""
