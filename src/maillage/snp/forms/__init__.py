"""Words typed on the pages of unscheduled care: a call, what follows, the desk's settings."""

from maillage.snp.forms.desk import (
    AgreementProposalForm,
    DeskForm,
    OnCallForm,
    RedFlagForm,
    parse_hours,
    write_hours,
)
from maillage.snp.forms.follow import (
    AgreementForm,
    CancelForm,
    ConfirmForm,
    GlassForm,
    GlassReviewForm,
    InformationForm,
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
from maillage.snp.forms.professional import (
    AskingForm,
    FeeForm,
    PauseForm,
    RingForm,
    RingMemberForm,
    RingNameForm,
    hour_of,
)
from maillage.snp.forms.work import CallForm, CounterForm, MergeForm, ShiftForm

__all__ = [
    "NONE_OF_THESE",
    "AgreementForm",
    "AgreementProposalForm",
    "AskingForm",
    "CallForm",
    "CancelForm",
    "CareRequestForm",
    "ConfirmForm",
    "CounterForm",
    "DeskForm",
    "FeeForm",
    "InformationForm",
    "GlassForm",
    "GlassReviewForm",
    "InformForm",
    "MergeForm",
    "OnCallForm",
    "OutcomeForm",
    "PatientForm",
    "PauseForm",
    "RedFlagForm",
    "RefusalForm",
    "RingForm",
    "RingMemberForm",
    "RingNameForm",
    "ShiftForm",
    "SignsAgainForm",
    "hour_of",
    "parse_hours",
    "write_hours",
]
