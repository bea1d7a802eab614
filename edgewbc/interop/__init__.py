"""What other programs read: HL7 v2, FHIR, tables, Label Studio and FiftyOne; one module a format.

The formats know nothing of cases or bundles: they take the plain descriptions of `report` and `labels`. None of them
needs another library.
"""
