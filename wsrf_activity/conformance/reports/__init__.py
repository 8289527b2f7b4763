"""A run as a file: JUnit XML for CI, a page for people, JSON for programs. The terminal is the command line's."""

from wsrf_activity.conformance.reports.data import json_text
from wsrf_activity.conformance.reports.junit import junit
from wsrf_activity.conformance.reports.page import page

__all__ = ["json_text", "junit", "page"]
