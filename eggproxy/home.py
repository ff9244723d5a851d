"""The page for people at the root of the server: how to point a client here."""

_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>eggproxy</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 3rem auto; padding: 0 1rem;
       color: #222; background: #fdfdfc }
h1 { font-size: 1.6rem } dt { font-weight: 600; margin-top: 1rem } dd { margin: 0 }
pre { background: #f1f0ec; padding: .6rem .8rem; border-radius: 4px; overflow-x: auto }
</style>
</head>
<body>
<h1>eggproxy: a caching proxy for Python packages</h1>
<p>The index is at <a href="pypi/">/pypi/</a>. What has been fetched once stays available, whatever
becomes of its source. Point a client here with this server's address in place of HOST:</p>
<dl>
<dt>pip</dt><dd><pre>pip install --index-url http://HOST/pypi/ NAME</pre></dd>
<dt>uv</dt><dd><pre>uv pip install --default-index http://HOST/pypi/ NAME</pre></dd>
<dt>zc.buildout</dt><dd><pre>[buildout]
index = http://HOST/pypi/</pre></dd>
<dt>easy_install</dt><dd><pre>easy_install -i http://HOST/pypi/ NAME</pre></dd>
</dl>
</body>
</html>
"""


def home_page() -> bytes:
    """Write the page."""
    return _PAGE.encode()
