app_name = "availability"
urlpatterns = []
