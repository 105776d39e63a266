"""Names of files and folders below results/ that stages need to know; `layout` makes paths of them.

They are kept apart from the paths so that a new path changes the code of no stage.
"""

RESULTS = "results"
SHARED = "shared"
"""The folder of what belongs to no arm alone, and the arm that such artifacts name."""
SEED, ROUND = "seed", "round"
"""Folders of a seed and of a round begin with these; the number follows."""
MANIFEST = "manifest.json"
LINK = "source"
"""The link beside a manifest, to a folder that is kept elsewhere."""
RETIRED = "retired.json"
RESTORED = "restored"
REPORT = "report.html"
TIMINGS = "timings"
