"""The proxy as pip, uv, zc.buildout and easy_install see it: real ones, of several versions."""
