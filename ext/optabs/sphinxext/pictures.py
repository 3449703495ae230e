"""At write time: the pictures of an op become figures, which every builder knows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

from optabs.drawing import draw_picture
from optabs.pictures import Picture
from optabs.render import make_anchor
from optabs.sphinxext.domain import get_build
from optabs.sphinxext.nodes import op_pictures

if TYPE_CHECKING:
    from sphinx.application import Sphinx


class DrawPictures(SphinxPostTransform):
    """Replaces the node of an op's pictures by figures.

    HTML gets each picture twice, for the light and the dark mode; a builder without pictures of
    these forms gets the words.
    """

    default_priority = 890

    def is_supported(self) -> bool:
        """Every builder but the one that collects texts to be translated."""
        return self.app.builder.name != "gettext"

    def run(self, **kwargs: Any) -> None:
        """See SphinxPostTransform."""
        for node in list(self.document.findall(op_pictures)):
            pictures = get_build(self.env).get_pictures(node["file"])
            page = Path(node["file"]).stem
            node.replace_self([self.make_figure(each, page) for each in pictures])

    def make_figure(self, picture: Picture, page: str) -> nodes.Node:
        """Return a figure, or a paragraph where there is nothing to be seen."""
        if not picture.is_drawn:
            return nodes.paragraph("", picture.caption)
        builder, name = self.app.builder, f"{page}-{picture.case}"
        if builder.format == "html":
            images = [self.draw(picture, mode, "svg", name) for mode in ("light", "dark")]
            for image, mode in zip(images, ("light", "dark"), strict=True):
                # `dark-light` keeps the theme from dimming what is made for its dark mode.
                image["classes"] += [f"optabs-{mode}", "dark-light"]
                image["loading"] = "lazy"
        elif "application/pdf" in builder.supported_image_types:
            images = [self.draw(picture, "light", "pdf", name)]
        else:
            words = f"{picture.caption} {picture.alternative}"
            return nodes.paragraph("", words)
        caption = nodes.caption("", picture.caption)
        anchor = make_anchor("picture", name)
        return nodes.figure("", *images, caption, classes=["optabs-picture"], ids=[anchor])

    def draw(self, picture: Picture, mode: str, form: str, name: str) -> nodes.image:
        """Return the node of a picture, drawn if it has not been drawn before."""
        file = draw_picture(picture, mode, form, get_build(self.env).project.pictures, name)
        path = file.as_posix()
        self.env.images.add_file(self.env.docname, path)
        return nodes.image(uri=path, candidates={"*": path}, alt=picture.alternative)


def add_pictures(app: Sphinx) -> None:
    """Register all of this."""
    app.add_node(op_pictures)
    app.add_post_transform(DrawPictures)
