"""XPath 1.0 expressions of every make, for what must hold for all of them."""

from hypothesis import strategies as st


def _names() -> st.SearchStrategy[str]:
    return st.sampled_from(["*", "node()", "text()", "act:Group", "act:Error", "@kind", "@*", ".", ".."])


def _axes() -> st.SearchStrategy[str]:
    axes = ["child", "descendant", "descendant-or-self", "ancestor", "following", "preceding", "following-sibling"]
    tests = st.sampled_from(["*", "node()", "act:Group"])
    return st.builds("{}::{}".format, st.sampled_from([*axes, "preceding-sibling", "parent", "namespace"]), tests)


def xpath_expressions() -> st.SearchStrategy[str]:
    """Expressions over act:Group and act:Error; some of them put other things where node sets must be."""
    paths = st.lists(st.one_of(_names(), _axes()), min_size=1, max_size=3)
    path = st.builds(
        lambda start, steps, join: start + join.join(steps),
        st.sampled_from(["", "/", "//"]),
        paths,
        st.sampled_from(["/", "//"]),
    )
    leaves = st.one_of(
        path, st.sampled_from(["1", "'group'", "position()", "last()", "string(/)", "name()", "//text()"])
    )

    def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        operators = st.sampled_from(["|", "=", "!=", "<", "+", "and", "or", "div", "*"])
        return st.one_of(
            st.builds("{}[{}]".format, path, inner),
            st.builds("{}[{}]/{}".format, path, inner, path.map(lambda text: text.lstrip("/"))),
            st.builds("({})[{}]".format, path, inner),
            st.builds("{} {} {}".format, inner, operators, inner),
            st.builds("count({})".format, path),
            st.builds("translate({}, {}, {})".format, inner, inner, inner),
            st.builds("contains({}, {})".format, inner, inner),
            st.builds("concat({}, {})".format, inner, inner),
            st.builds("not({})".format, inner),
            st.builds("sum({})".format, path),
        )

    return st.recursive(leaves, grown, max_leaves=8)
