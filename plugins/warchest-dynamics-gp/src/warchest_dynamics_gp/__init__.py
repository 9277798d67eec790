"""Microsoft Dynamics GP: Warchest's journals, cash receipts and customers as eConnect documents, and GP's side pretended.

`exporter` is the plug-in, `econnect` the documents, `errors` what GP answers, `simulator` a program that takes documents
from the folder as an integration of GP's would.
"""
