# eggproxy under Apache's mod_wsgi, and under any other server that loads a .wsgi file:
#
#     WSGIScriptAlias /pypi /srv/eggproxy/eggproxy.wsgi
#
# eggproxy itself is found by way of python-home (daemon mode) or WSGIPythonHome (embedded), which
# name the virtual environment it is installed in; eggproxy-mod_wsgi.conf, beside this file, shows
# both. A complete configuration for this machine is what `eggproxy apache-config` prints.
#
# Nothing happens here: the configuration is read with the first request. It is the first there is
# of eggproxy.conf in the home directory, etc/eggproxy.conf in the virtual environment, and
# /etc/eggproxy.conf. To name another file, take the # off both lines:
#
# import os
# os.environ["EGGPROXY_CONFIG"] = "/srv/eggproxy/eggproxy.conf"

from eggproxy.wsgi import application  # noqa: F401  mod_wsgi calls it
