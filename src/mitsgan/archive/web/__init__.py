"""Series of a DICOMweb server: found by QIDO-RS, fetched by WADO-RS when their turn comes."""
