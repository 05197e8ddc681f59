import gc
import os
import sys

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from maillage.config.shedding import Shedding
from maillage.kernel.supervisor import stop_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "maillage.config.settings")
application = Shedding(
    get_wsgi_application(),
    at_once=settings.REQUESTS_AT_ONCE,
    waiting=settings.REQUESTS_WAITING,
)
# What is loaded by now lives as long as the worker: the collector need not walk it again.
gc.collect()
gc.freeze()
gc.set_threshold(20_000, 20, 20)
# A thread that comes back from the database waits this long, at most, for one that computes.
sys.setswitchinterval(0.0005)

if os.environ.get("MAILLAGE_SUPERVISED"):
    # A worker never outlives the server that started it.
    stop_with_parent(supervisor=int(os.environ["MAILLAGE_SUPERVISED"]))
