"""References, statements and orders, against the pretended bank and against another reader of statements."""

from __future__ import annotations

import random
import string
from dataclasses import replace
from datetime import UTC, date, datetime
from importlib.metadata import entry_points

import msgspec
import pytest
from pycamt.parser import Camt053Parser

from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.sdk.bank import (
    BankFiles,
    PayoutFile,
    PayoutOrder,
    UnableToWriteOrders,
    creditor_reference,
    creditor_references_in,
    end_to_end_id,
    is_creditor_reference,
    is_iban,
)
from warchest.sdk.payments import (
    Ability,
    PaymentRequest,
    RawNotice,
    RefundRequest,
    Standing,
    UnableToRead,
    UnableToTrustNotice,
)
from warchest_banktransfer.provider import BankTransferProvider, BankTransferSettings
from warchest_banktransfer.simulator import DAMAGES, OrdersRefused, PretendedBank

IBAN = "DE89370400440532013000"
ANNAS = "FR1420041010050500013M02606"
SETTINGS = {"iban": "DE89 3704 0044 0532 0130 00", "bic": "COBADEFFXXX", "beneficiary": "Nova e. V."}


@pytest.fixture
def provider() -> BankTransferProvider:
    return BankTransferProvider(msgspec.convert(SETTINGS, BankTransferSettings))


@pytest.fixture
def bank() -> PretendedBank:
    return PretendedBank(IBAN, balance_minor=-12_345)


def a_payment(amount: str = "20.00", currency: str = "EUR", **more) -> PaymentRequest:
    return PaymentRequest(
        reference=str(new_id()),
        amount=Money.parse(amount, currency),
        return_url="http://127.0.0.1:9/",
        notice_url="http://127.0.0.1:9/",
        description="2000 credits",
        language="en",
        country="DE",
        **more,
    )


def orders(*made: PayoutOrder, id: str = "orders-1") -> PayoutFile:
    return PayoutFile(
        id=id, orders=made, made_at=datetime(2026, 3, 16, 9, tzinfo=UTC), execute_on=date(2026, 3, 17)
    )


def an_order(reference: str = "refund-1", amount: str = "5.00", **more) -> PayoutOrder:
    given = {"name": "Anna Berg", "iban": ANNAS, "text": "Your refund"} | more
    return PayoutOrder(reference=reference, amount=Money.parse(amount, "EUR"), **given)


class TestReference:
    def test_is_that_of_the_standard_with_right_check_digits(self) -> None:
        # The example of ISO 11649's own explanatory text, and one with a digit of it wrong.
        assert is_creditor_reference("RF18539007547034")
        assert not is_creditor_reference("RF18539007547035")

        made = {creditor_reference(str(new_id())) for _ in range(2000)}
        assert len(made) == 2000
        assert all(is_creditor_reference(one) and len(one) == 16 for one in made)

    def test_finds_every_letter_or_digit_taken_for_another(self) -> None:
        # A letter for a digit it may miss, since letters count as two digits (ISO 7064); such a reference is nobody's.
        right = creditor_reference("b4b1a0b0")
        for place in range(4, len(right)):
            alike = string.digits if right[place].isdecimal() else string.ascii_uppercase
            for symbol in alike.replace(right[place], ""):
                assert not is_creditor_reference(right[:place] + symbol + right[place + 1 :])

    @pytest.mark.parametrize("written", ["{0}", "for my wallet: {1} thanks", "{2}", "RF99 and {0}, Anna"])
    def test_is_found_in_what_people_write(self, written: str) -> None:
        reference = creditor_reference("a payment")
        fours = " ".join(reference[at : at + 4] for at in range(0, 16, 4))

        assert creditor_references_in(written.format(reference, fours, fours.lower())) == (reference,)

    def test_accounts_have_check_digits_and_the_length_of_their_country(self) -> None:
        assert is_iban(IBAN) and is_iban(ANNAS) and is_iban("NO9386011117947")
        assert not is_iban("DE88370400440532013000")
        assert not is_iban("NO93860111179470")
        assert not is_iban("de89370400440532013000")
        assert not is_iban("")


class TestProvider:
    def test_is_found_and_says_what_it_can(self, provider: BankTransferProvider) -> None:
        (point,) = entry_points(group="warchest.payment_providers", name="banktransfer")

        assert point.load() is BankTransferProvider
        assert isinstance(provider, BankFiles)
        assert {Ability.BANK_STATEMENT, Ability.PAYOUT_FILE} <= provider.description.abilities

    def test_tells_the_player_what_to_transfer_the_same_each_time(
        self, provider: BankTransferProvider
    ) -> None:
        payment = a_payment()

        first, again = provider.start(payment), provider.inquire(payment, provider_reference="")

        assert first == again
        assert first.standing is Standing.PENDING
        assert first.instructions == {
            "iban": IBAN,
            "bic": "COBADEFFXXX",
            "beneficiary": "Nova e. V.",
            "amount": "20.00",
            "currency": "EUR",
            "payment_reference": creditor_reference(payment.reference),
        }
        assert first.provider_reference == creditor_reference(payment.reference)

    def test_takes_euro_only(self, provider: BankTransferProvider) -> None:
        refused = provider.start(a_payment("20.00", "USD"))

        assert (refused.standing, refused.reason) == (Standing.FAILED, "currency_not_supported")

    @pytest.mark.parametrize("wrong", [{"iban": IBAN[:-1] + "1"}, {"iban": ""}, {"bic": "COBA"}])
    def test_refuses_settings_with_a_wrong_account(self, wrong: dict[str, str]) -> None:
        with pytest.raises((msgspec.ValidationError, ValueError)):
            BankTransferProvider(msgspec.convert(SETTINGS | wrong, BankTransferSettings))

    def test_refunds_wait_for_the_file_of_orders_and_need_an_account(
        self, provider: BankTransferProvider
    ) -> None:
        known = a_payment(kept={"payer_iban": ANNAS})
        asked = RefundRequest(str(new_id()), Money.parse("5.00", "EUR"), known, "RF18539007547034")

        wanted = provider.refund(asked)
        nowhere = provider.refund(replace(asked, payment=replace(known, kept={})))

        assert (wanted.standing, wanted.provider_reference) == (
            Standing.PENDING,
            end_to_end_id(asked.reference),
        )
        assert len(wanted.provider_reference) <= 35
        assert provider.inquire_refund(asked) == wanted
        assert (nowhere.standing, nowhere.reason) == (Standing.FAILED, "payer_account_unknown")

    def test_believes_no_notice(self, provider: BankTransferProvider) -> None:
        with pytest.raises(UnableToTrustNotice):
            provider.read_notice(RawNotice({}, b"{}", datetime.now(UTC)))


class TestStatement:
    def test_tells_every_booked_entry_with_all_that_matters(
        self, provider: BankTransferProvider, bank: PretendedBank
    ) -> None:
        number = bank.receive("20.00", reference="RF18539007547034", name="Änne & Söhne")
        bank.receive("7.01", text="rf18 5390 0754 7034")
        bank.pay_out("3.50", text="rent")
        bank.receive("99.00", status="PDNG")

        (statement,) = provider.read_statement(bank.statement())

        first, second, third = statement.entries
        assert (statement.opening.minor, statement.closing.minor) == (-12_345, -12_345 + 2000 + 701 - 350)
        assert (first.reference, first.amount.major, first.incoming) == (number, "20.00", True)
        assert (first.creditor_reference, first.name, first.iban) == (
            "RF18539007547034",
            "Änne & Söhne",
            ANNAS,
        )
        assert second.text == "rf18 5390 0754 7034"
        assert (third.incoming, third.text, third.name) == (False, "rent", "Landlord")
        assert provider.read_statement(bank.statement())[0].entries == (), "what was announced is told later"

    def test_takes_a_sum_apart(self, provider: BankTransferProvider, bank: PretendedBank) -> None:
        number = bank.receive_together([("5.00", "RF18539007547034"), ("6.25", "RF70AZK3G7YQP0YM")])

        (statement,) = provider.read_statement(bank.statement())

        assert [(one.reference, one.amount.major, one.creditor_reference) for one in statement.entries] == [
            (f"{number}/1", "5.00", "RF18539007547034"),
            (f"{number}/2", "6.25", "RF70AZK3G7YQP0YM"),
        ]

    def test_gives_entries_without_the_banks_reference_their_place(
        self, provider: BankTransferProvider, bank: PretendedBank
    ) -> None:
        bank.receive("5.00", servicer_reference="")
        bank.receive("5.00", servicer_reference="")

        (statement,) = provider.read_statement(bank.statement())

        assert [one.reference for one in statement.entries] == ["#1", "#2"]

    @pytest.mark.parametrize("how", DAMAGES)
    def test_is_refused_whole_when_it_is_damaged(
        self, provider: BankTransferProvider, bank: PretendedBank, how: str
    ) -> None:
        bank.receive("20.00", reference="RF18539007547034")
        assert provider.read_statement(bank.statement(keep=True))

        with pytest.raises(UnableToRead) as refusal:
            provider.read_statement(bank.damaged(how))

        assert "root:" not in str(refusal.value)

    def test_is_refused_when_it_is_of_another_account(self, provider: BankTransferProvider) -> None:
        other = PretendedBank(ANNAS)
        other.receive("1.00")

        with pytest.raises(UnableToRead, match="file_of_another_account"):
            provider.read_statement(other.statement())

    def test_nothing_that_is_no_statement_does_harm(self, provider: BankTransferProvider) -> None:
        chance = random.Random(7)
        bank = PretendedBank(IBAN)
        bank.receive("20.00")
        whole = bank.statement()
        for _ in range(300):
            damaged = bytearray(whole)
            for _ in range(chance.randint(1, 6)):
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
            try:
                read = provider.read_statement(bytes(damaged))
            except UnableToRead:
                continue
            assert all(statement.adds_up() for statement in read)

    def test_says_what_another_reader_reads(
        self, provider: BankTransferProvider, bank: PretendedBank
    ) -> None:
        for number in range(20):
            bank.receive(f"{number}.{number:02}", text=f"no {number}") if number else None
        bank.pay_out("3.50", text="rent")
        file = bank.statement()

        (ours,) = provider.read_statement(file)
        theirs = Camt053Parser(file).get_transactions()

        assert [
            (
                one.reference,
                one.amount.major,
                "CRDT" if one.incoming else "DBIT",
                one.text,
                str(one.booked_on),
            )
            for one in ours.entries
        ] == [
            (
                one["TransactionID"],
                one["Amount"],
                one["CreditDebitIndicator"],
                one["RemittanceInformation"],
                one["BookingDate"],
            )
            for one in theirs
        ]


class TestOrders:
    def test_are_carried_out_by_the_bank_and_told_by_its_statement(
        self, provider: BankTransferProvider, bank: PretendedBank
    ) -> None:
        file = provider.write_orders(
            orders(an_order("r1"), an_order("r2", "0.07", name="Łukasz Żółć", text="gift <&> €"))
        )

        assert bank.carry_out(file) == 2
        assert bank.carry_out(file) == 0, "the same file again"
        (statement,) = provider.read_statement(bank.statement())

        assert [(one.end_to_end_id, one.amount.major, one.incoming) for one in statement.entries] == [
            ("r1", "5.00", False),
            ("r2", "0.07", False),
        ]
        assert statement.entries[1].name == "Lukasz Zolc"

    def test_are_the_same_bytes_each_time(self, provider: BankTransferProvider) -> None:
        wanted = orders(an_order("r1"), an_order("r2", "1234567.89"))

        assert provider.write_orders(wanted) == provider.write_orders(wanted)
        assert b"<MsgId>orders-1</MsgId>" in provider.write_orders(wanted)
        assert b"<CtrlSum>1234572.89</CtrlSum>" in provider.write_orders(wanted)

    @pytest.mark.parametrize(
        ("made", "reason"),
        [
            ((), "orders_missing"),
            ((an_order(iban="FR1420041010050500013M02607"),), "iban_wrong"),
            ((an_order(iban="not an account"),), "iban_wrong"),
            ((an_order(amount="0.00"),), "order_malformed"),
            ((replace(an_order(), amount=Money.parse("-1.00", "EUR")),), "order_malformed"),
            ((replace(an_order(), amount=Money.parse("1.00", "USD")),), "currency_not_supported"),
            ((an_order("same"), an_order("same")), "order_malformed"),
            ((an_order("x" * 36),), "order_malformed"),
            ((an_order(name=" "),), "order_malformed"),
            ((an_order(bic="NOBIC"),), "order_malformed"),
        ],
    )
    def test_are_refused_where_a_bank_would(
        self, provider: BankTransferProvider, made: tuple[PayoutOrder, ...], reason: str
    ) -> None:
        with pytest.raises(UnableToWriteOrders) as refusal:
            provider.write_orders(orders(*made))

        assert refusal.value.reason == reason

    def test_the_pretended_bank_takes_no_wrong_sums(
        self, provider: BankTransferProvider, bank: PretendedBank
    ) -> None:
        file = provider.write_orders(orders(an_order()))

        with pytest.raises(OrdersRefused):
            bank.carry_out(file.replace(b"<NbOfTxs>1<", b"<NbOfTxs>2<"))
        with pytest.raises(OrdersRefused):
            PretendedBank(ANNAS).carry_out(file)
