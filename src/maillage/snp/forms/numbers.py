"""Which numbers are asked for: a period, and by what."""

import datetime as dt

from django import forms

from maillage.kernel.fields import DateField
from maillage.snp.queries.numbers import BY, quarter_text

DAYS_MAX = 366
YEARS = (2000, 2099)  # days of a calendar that times and zones can bear
DAYS_USUAL = 30


class PeriodForm(forms.Form):
    """Any days, a year at most."""

    du = DateField(label="Reçues du")
    au = DateField(label="au")
    par = forms.ChoiceField(label="Par", choices=list(BY.items()))

    def clean(self):
        data = super().clean()
        first, last = data.get("du"), data.get("au")
        if not all(YEARS[0] <= each.year <= YEARS[1] for each in (first, last) if each):
            raise forms.ValidationError("Les jours vont de {} à {}.".format(*YEARS))
        if first and last and not dt.timedelta(0) <= last - first < dt.timedelta(days=DAYS_MAX):
            raise forms.ValidationError("La période va d'un jour à un an, le début avant la fin.")
        return data

    @staticmethod
    def usual(today: dt.date) -> dict[str, str]:
        first = today - dt.timedelta(days=DAYS_USUAL - 1)
        return {"du": first.isoformat(), "au": today.isoformat(), "par": "canal"}


class QuartersForm(forms.Form):
    """Whole published quarters, from one to another; `du` is a first day, `au` a last one."""

    du = forms.ChoiceField(label="Du")
    au = forms.ChoiceField(label="au")
    par = forms.ChoiceField(label="Par", choices=list(BY.items()))

    def __init__(self, data, *, quarters):
        super().__init__(data)
        self.quarters = quarters
        names = [quarter_text(first) for first, _ in quarters]
        for name, which in (("du", 0), ("au", 1)):
            days = [quarter[which].isoformat() for quarter in quarters]
            self.fields[name].choices = list(zip(days, names, strict=True))

    def clean(self):
        data = super().clean()
        if data.get("du") and data.get("au") and data["du"] > data["au"]:
            raise forms.ValidationError("Le premier trimestre vient avant le dernier.")
        return data

    @property
    def chosen(self) -> list[tuple[dt.date, dt.date]]:
        """Oldest first."""
        first, last = (dt.date.fromisoformat(self.cleaned_data[name]) for name in ("du", "au"))
        return sorted(each for each in self.quarters if first <= each[0] and each[1] <= last)

    @staticmethod
    def usual(quarters) -> dict[str, str]:
        first, last = quarters[0]
        return {"du": first.isoformat(), "au": last.isoformat(), "par": "canal"}
