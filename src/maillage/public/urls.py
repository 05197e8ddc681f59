from django.urls import path

from maillage.public.views import editor, site

app_name = "public"
urlpatterns = [
    path("robots.txt", site.robots, name="robots"),
    path("p/<slug:site>/", site.first, name="first"),
    path("p/<slug:site>/professionnels/", site.find, name="find"),
    path("p/<slug:site>/medecin-traitant/", site.doctors, name="doctors"),
    path("p/<slug:site>/medecin-traitant/demande/", site.ask, name="ask"),
    path("p/<slug:site>/qui-sommes-nous/", site.who, name="who"),
    path("p/<slug:site>/vos-droits/", site.rights, name="rights"),
    path("p/<slug:site>/nous-rejoindre/", site.join, name="join"),
    path("p/<slug:site>/pages/<slug:which>/", site.text, name="text"),
    path("p/<slug:site>/images/<str:which>", site.image, name="image"),
    path("p/<slug:site>/sitemap.xml", site.sitemap, name="sitemap"),
    path("c/<slug:cpts>/site/", editor.site, name="site"),
    path("c/<slug:cpts>/site/nouvelle-page/", editor.create, name="create"),
    path("c/<slug:cpts>/site/images/", editor.images, name="images"),
    path("c/<slug:cpts>/site/images/<int:pk>/", editor.picture, name="picture"),
    path("c/<slug:cpts>/site/images/<int:pk>/retirer/", editor.image_remove, name="image_remove"),
    path("c/<slug:cpts>/site/annuaire/", editor.listing, name="listing"),
    path("c/<slug:cpts>/site/annuaire/<int:pk>/refuser/", editor.refuse, name="refuse"),
    path("c/<slug:cpts>/site/refus/<int:pk>/lever/", editor.show_again, name="show_again"),
    path("c/<slug:cpts>/site/ma-fiche/", editor.own, name="own"),
    path("c/<slug:cpts>/site/pages/<int:pk>/", editor.write, name="write"),
    path("c/<slug:cpts>/site/pages/<int:pk>/apercu/", editor.preview, name="preview"),
    path("c/<slug:cpts>/site/pages/<int:pk>/versions/", editor.history, name="history"),
    path("c/<slug:cpts>/site/pages/<int:pk>/publier/", editor.publish, name="publish"),
    path("c/<slug:cpts>/site/pages/<int:pk>/reprendre/", editor.restore, name="restore"),
    path("c/<slug:cpts>/site/pages/<int:pk>/retirer/", editor.withdraw, name="withdraw"),
]
