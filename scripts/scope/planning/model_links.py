"""Model folders that were moved: the link beside a model's manifest follows, and nothing runs again."""

from scope.artifacts.folder import link_folder, link_of
from scope.planning.content import model_content, model_folder
from scope.planning.plan import Plan


def link_models(plan: Plan) -> None:
    """Let the link of each model lead to its folder of now, where a manifest exists and records the same content."""
    for name in ("student", "teacher"):
        folder, manifest = model_folder(plan.config, name), plan.layout.shared.model(name)
        if folder and link_of(manifest).is_symlink() and plan.files.exists(manifest):
            settings = plan.files.provenance(manifest)["recipe"]["settings"]
            if settings["models"][name].get("content") == model_content(folder):
                link_folder(manifest, folder)
