"""The cast of the demonstration: plainly fictitious people on real territories."""

# Plants and trades: names nobody takes for a colleague's.
FAMILY_NAMES = (
    *("Coquelicot", "Mirabelle", "Tournesol", "Noisetier", "Bleuet", "Lavande", "Romarin"),
    *("Églantine", "Capucine", "Groseille", "Pâquerette", "Châtaigne", "Muguet", "Réglisse"),
    *("Verveine", "Marjolaine", "Pissenlit", "Camomille", "Framboise", "Genêt", "Jonquille"),
    *("Cerfeuil", "Myrtille", "Glycine", "Amande", "Bourrache", "Citronnelle", "Dahlia"),
    *("Estragon", "Fenouil", "Gentiane", "Hortensia", "Iris", "Jasmin", "Kiwi", "Laurier"),
    *("Mélisse", "Nénuphar", "Oseille", "Primevère", "Quinoa", "Roseau", "Safran", "Tilleul"),
    *("Ulmaire", "Violette", "Ancolie", "Bruyère", "Ciboulette", "Digitale", "Edelweiss"),
    *("Freesia",),
)
GIVEN_NAMES = (
    *("Alix", "Basile", "Camille", "Dominique", "Eden", "Fanny", "Gaspard", "Hélène", "Irène"),
    *("Jules", "Karim", "Lina", "Maël", "Noé", "Olga", "Pablo", "Quentin", "Rose", "Sacha"),
    *("Tom", "Ursule", "Victor", "Wanda", "Xavier", "Yasmine", "Zoé"),
)

# (profession, speciality, how many, ages from, to, office, home, remote) for the main territory.
STAFF = (
    ("10", "SM54", 22, 0, 130, True, True, False),
    ("10", "SM54", 3, 6, 130, True, False, True),
    ("10", "SM40", 1, 0, 15, True, False, False),
    ("10", "SM04", 1, 16, 130, True, False, False),
    ("60", "", 8, 0, 130, True, True, False),
    ("70", "", 4, 2, 130, True, True, False),
    ("50", "", 2, 0, 130, True, True, True),
    ("40", "", 3, 2, 130, True, False, False),
    ("21", "", 3, 0, 130, True, False, False),
    ("80", "", 1, 2, 130, True, True, False),
)
SMALL_STAFF = (
    ("10", "SM54", 5, 0, 130, True, True, False),
    ("60", "", 2, 0, 130, True, True, False),
)

# Practices of the main territory, by INSEE code: the larger communes, as many times as they weigh.
MAIN_COMMUNES = (
    *("71306", "71153", "71306", "71153", "71540", "71040", "71059", "71306", "71153", "71486"),
    *("71212", "71132", "71540", "71040"),
)

MAIN = "centre-saone-et-loire"

# (minutes ago, reason, age band, commune, channel, note, what happened)
STORIES = (
    (47, "fever", "0-1", "71306", "sas", "39,5 depuis hier soir", "new"),
    (38, "back_pain", "16-69", "71540", "pharmacist", "ne peut plus se pencher", "proposed"),
    (31, "wound", "16-69", "71040", "patient", "main, à revoir", "new"),
    (26, "urinary", "16-69", "71153", "sas", "", "new"),
    (22, "fall", "70-130", "71132", "professional", "surveillance de plaie", "new"),
    (17, "ear", "2-5", "71059", "patient", "", "accepted"),
    (12, "treatment", "70-130", "71212", "pharmacist", "plus de traitement", "new"),
    (9, "cough", "6-15", "71486", "patient", "", "new"),
    (5, "skin", "16-69", "71306", "patient", "éruption depuis ce matin", "new"),
    (90, "digestive", "16-69", "71153", "sas", "", "informed"),
    (1500, "fever", "2-5", "71306", "patient", "", "honoured"),
    (1620, "pain", "16-69", "71040", "professional", "", "missed"),
    (1700, "cough", "70-130", "71540", "patient", "", "cancelled"),
)

ROLES = (
    ("dispatcher", "regulation", "Ondine", "Régulation"),
    ("dispatcher", "regulation2", "Malo", "Standard"),
    ("coordinator", "coordination", "Nour", "Coordination"),
    ("administrator", "administration", "Ariane", "Administration"),
    ("secretary", "secretariat", "Célestin", "Secrétariat"),
    ("bureau", "bureau", "Prune", "Présidence"),
    ("treasurer", "tresorerie", "Octave", "Trésorerie"),
    ("data_protection_officer", "dpo", "Thémis", "Donnéesperso"),
    ("reader", "lecture", "Lise", "Lecture-ARS"),
)
