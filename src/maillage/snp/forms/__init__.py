"""Words typed on the pages of unscheduled care: a call, what follows, the desk's settings."""

from maillage.snp.forms.desk import DeskForm, RedFlagForm, parse_hours, write_hours
from maillage.snp.forms.follow import (
    AgreementForm,
    CancelForm,
    ConfirmForm,
    InformForm,
    OutcomeForm,
    RefusalForm,
)
from maillage.snp.forms.intake import (
    NONE_OF_THESE,
    CareRequestForm,
    PatientForm,
    SignsAgainForm,
)

__all__ = [
    "NONE_OF_THESE",
    "AgreementForm",
    "CancelForm",
    "CareRequestForm",
    "ConfirmForm",
    "DeskForm",
    "InformForm",
    "OutcomeForm",
    "PatientForm",
    "RedFlagForm",
    "RefusalForm",
    "SignsAgainForm",
    "parse_hours",
    "write_hours",
]
