"""The page at the end: figures from the artifacts, one self-contained HTML file that opens offline."""
