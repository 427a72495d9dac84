"""Collections as entries of a datalist: plain folders, INbreast, CBIS-DDSM, and their tables."""
