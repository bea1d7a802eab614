"""Cases: the cells of one slide, which a person reviews, signs and reports.

count, bundle, training       from images to a case, by which bundle, and from signed cases to labeled cells
case, file, cells, labels     a case as its folder holds it, and one cell of it with the labels that a person may give
history, snapshot, verify     decisions and sign-offs, a copy of the journal to read, and whether anything was altered
differential, ranges, flags   what is counted, with limits, and what is outside of the laboratory's reference ranges
report, report_page, maps     the printable report, and the class activation maps of a case's cells
compare                       two counts of a sample, or a person and the software
handover, label_exchange      what other programs read of a case, and the labels that they give back

The cells are classified by `lab`, which knows no cases.
"""
