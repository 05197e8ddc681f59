"""Every app's addresses, in French, at the root. The CPTS is in the address of every tenant page."""

from django.urls import include, path

urlpatterns = [
    path("", include("maillage.home.urls")),
    path("", include("maillage.public.urls")),
    path("", include("maillage.accounts.urls")),
    path("", include("maillage.territory.urls")),
    path("", include("maillage.directory.urls")),
    path("", include("maillage.residents.urls")),
    path("", include("maillage.availability.urls")),
    path("", include("maillage.snp.urls")),
    path("", include("maillage.medecin_traitant.urls")),
    path("", include("maillage.rights.urls")),
    path("compte/", include("allauth.urls")),
]
