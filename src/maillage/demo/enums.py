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
    ("10", "SM54", 5, 0, 130, True, True, True),
    ("60", "", 2, 0, 130, True, True, False),
)

# Practices of the main territory, by INSEE code: the larger communes, as many times as they weigh.
MAIN_COMMUNES = (
    *("71306", "71153", "71306", "71153", "71540", "71040", "71059", "71306", "71153", "71486"),
    *("71212", "71132", "71540", "71040"),
)

MAIN = "centre-saone-et-loire"

# The neighbour whose doctors help at a distance, and the one whose agreement waits for a signature.
DISTANT = "golfe"
WAITING = "pays-des-maures-littoral"

# (name, profession, speciality, from, to: places in the directory) of the rings of the main territory.
RINGS = (
    ("Médecins du bassin montcellien", "10", "SM54", 0, 6),
    ("Médecins du bassin creusotin", "10", "SM54", 6, 12),
    ("Infirmiers à domicile", "60", "", 0, 4),
)
# Whose turn it is, day after day.
ON_CALL = ("coordination", "regulation", "regulation2", "administration")

# A story: reason, age band, commune, channel, note, what else the call said, then what happened:
# a number lets so many minutes pass, a word is an act (see `stories`). The oldest come first.
STORIES = (
    (
        "fever",
        "16-69",
        "71040",
        "sas",
        "39 depuis hier",
        "sas",
        "5 propose 16 nobody 30 sas_busy 35",
    ),
    ("pain", "16-69", "71306", "patient", "", "named", "6 propose 4 refuse 10 call_busy 30 35"),
    ("back_pain", "16-69", "71540", "pharmacist", "ne peut plus se pencher", "", "4 propose 16 33"),
    ("skin", "16-69", "71153", "patient", "à distance possible", "remote", "32 propose 4"),
    ("digestive", "16-69", "71153", "sas", "", "sas named", "5 propose 3 accept 4 inform 30"),
    ("wound", "16-69", "71040", "patient", "main, à revoir", "", "12 cancel 10"),
    ("cough", "70-130", "71540", "patient", "", "named", "6 propose 5 accept 3 inform 20"),
    ("urinary", "16-69", "71153", "sas", "", "sas", "8 propose 4 counter 6"),
    ("fall", "70-130", "71132", "professional", "surveillance de plaie", "", "22"),
    ("fall", "70-130", "71132", "patient", "", "again named", "9 merge"),
    ("ear", "2-5", "71059", "patient", "", "named", "5 propose 4 accept 3 no_answer 6"),
    ("pain", "16-69", "71486", "patient", "à la poitrine depuis une heure", "", "3 hand_over 4"),
    ("fever", "0-1", "71306", "sas", "39,5 depuis hier soir", "sas", "6 propose 6"),
    (
        "treatment",
        "70-130",
        "71212",
        "pharmacist",
        "plus de traitement",
        "ring",
        "5 call_reached 4",
    ),
    ("cough", "6-15", "71486", "patient", "", "usual named", "6"),
    ("skin", "16-69", "71306", "patient", "éruption depuis ce matin", "", "3"),
)
# Of the doctor who falls ill: each patient booked with them, told of it or not.
DISPLACED = (
    ("fever", "6-15", "71306", "patient", "", "named", "4 accept_of 3 inform 20"),
    ("back_pain", "16-69", "71306", "sas", "", "sas", "5 accept_of 3 inform 15"),
    ("treatment", "70-130", "71540", "pharmacist", "", "", "6 accept_of 10"),
)

# What the past thirty days are drawn from: (profession, speciality, weight, reasons).
PAST_NEEDS = (
    ("10", "SM54", 76, ("fever", "pain", "back_pain", "cough", "ear", "digestive", "urinary")),
    ("60", "", 12, ("wound", "treatment", "fall")),
    ("70", "", 7, ("back_pain", "fall")),
    ("50", "", 5, ("pregnancy",)),
)
PAST_CHANNELS = (
    ("sas", 30),
    ("patient", 38),
    ("professional", 14),
    ("pharmacist", 12),
    ("desk", 6),
)
# (what became of the request, weight): the last first tries failed before somebody accepted.
PAST_ENDS = (
    ("honoured", 66),
    ("refused", 9),
    ("silent", 6),
    ("missed", 5),
    ("cancelled", 8),
    ("handed_over", 6),
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

# Real establishments of the main territory (FINESS, open data of 8 January 2021): number, legal
# entity, name, category, commune. What the CPTS knows of them, below, is made up.
STRUCTURES_SOURCE = "FINESS, données ouvertes"
STRUCTURES = (
    ("710978313", "710976705", "Centre hospitalier Jean Bouveri", "355", "71306"),
    ("710781154", "570010181", "Hôtel-Dieu du Creusot", "365", "71153"),
    ("710010125", "750050759", "EHPAD Résidence Germaine Tillion", "500", "71306"),
    ("710007188", "710011404", "EHPAD Les Jardins Médicis", "500", "71306"),
    ("710781246", "690019419", "EHPAD Le Parc des Loges", "500", "71153"),
    ("710014689", "710014671", "Maison médicale pluridisciplinaire Esculape", "603", "71306"),
    ("710015728", "710015694", "Centre de santé territorial de Montceau", "124", "71306"),
    ("710016452", "710015694", "Centre de santé territorial du Creusot", "124", "71153"),
    ("710971532", "710000837", "SSIAD Le Creusot", "354", "71153"),
    ("710977794", "750050759", "SSIAD Filieris", "354", "71306"),
    ("710012741", "710012733", "Centre référent de gériatrie", "463", "71306"),
)
STRUCTURE_KINDS = (
    ("124", "Centre de santé"),
    ("354", "Service de soins infirmiers à domicile (SSIAD)"),
    ("355", "Centre hospitalier (CH)"),
    ("365", "Établissement de soins pluridisciplinaire"),
    ("463", "Centre local d'information et de coordination (CLIC)"),
    ("500", "Établissement d'hébergement pour personnes âgées dépendantes (EHPAD)"),
    ("603", "Maison de santé"),
)
# (FINESS number, service, telephone of a range reserved for fiction).
STRUCTURE_CONTACTS = (
    ("710978313", "Urgences", "0261910001"),
    ("710978313", "Sorties d'hospitalisation", "0261910002"),
    ("710978313", "Secrétariat de gériatrie", "0261910003"),
    ("710781154", "Urgences", "0261910011"),
    ("710781154", "Sorties d'hospitalisation", "0261910012"),
    ("710010125", "Infirmière de coordination", "0261910021"),
    ("710014689", "Secrétariat", "0261910031"),
    ("710971532", "Admissions", "0261910041"),
)
