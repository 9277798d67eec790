"""Every refusal as people and programs meet it: one row a reason, with its HTTP status and a sentence that says what to do.

The reason is the API's stable ``code``. Texts may mention the refusal's details by name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from babel.numbers import format_decimal
from django.utils.functional import Promise
from django.utils.translation import get_language, to_locale
from django.utils.translation import gettext_lazy as _

from warchest.kernel.errors import TryAgain, UnableTo


@dataclass(frozen=True, slots=True)
class Explanation:
    """``status`` as in RFC 9110. ``text`` is a sentence in the reader's language."""

    code: str
    status: int
    text: str


_REFUSALS: dict[str, tuple[int, str | Promise]] = {
    # Keys, amounts, currencies
    "idempotency_key_missing": (400, _("The request needs an Idempotency-Key.")),
    "idempotency_key_malformed": (400, _("The Idempotency-Key must have 1 to 64 printable characters.")),
    "idempotency_key_reused": (422, _("This Idempotency-Key was used before with another request.")),
    "amount_malformed": (422, _("This is not an amount. Write it like 10.00.")),
    "amount_too_precise": (422, _("{currency} has {decimals} decimals, and the amount has more.")),
    "amount_too_large": (422, _("The amount is too large.")),
    "amount_not_positive": (422, _("The amount must be more than zero.")),
    "currency_unknown": (422, _("The currency {currency} is not known.")),
    "currency_not_accepted": (422, _("We take no payments in {currency} at this time.")),
    "rate_not_positive": (422, _("A rate must be more than zero.")),
    "rate_not_a_number": (422, _("A rate must be a number.")),
    "rate_too_large": (422, _("This rate is too large.")),
    "rate_too_precise": (422, _("A rate has at most {decimals} decimals.")),
    "rate_in_past": (422, _("A rate can only take effect now or later.")),
    "rate_in_future": (422, _("A rate can only be of today or of a day before.")),
    "currencies_alike": (422, _("Choose two different currencies.")),
    "exchange_rate_missing": (409, _("No rate for {currency} is kept for {day}. Enter one first.")),
    "exchange_in_future": (422, _("An exchange can only be of today or of a day before.")),
    "book_not_exchanged": (422, _("Only money at a bank can be exchanged.")),
    "rate_exists": (409, _("Another rate for {currency} takes effect at the same moment.")),
    # Members
    "nickname_taken": (409, _("This nickname is taken. Choose another.")),
    "nickname_malformed": (
        422,
        _(
            "A nickname has 3 to 24 letters, digits, dashes or underscores, and begins with a letter or a digit."
        ),
    ),
    "email_taken": (409, _("There is a player with this e-mail address.")),
    "email_malformed": (422, _("This does not look like an e-mail address.")),
    "country_unknown": (422, _("Choose a country from the list.")),
    "language_unknown": (422, _("Choose a language from the list.")),
    "password_too_weak": (
        422,
        _(
            "Choose a longer password: at least ten characters, not only digits, and not one of the usual ones."
        ),
    ),
    "external_id_taken": (409, _("There is a player with this external id.")),
    "player_unknown": (404, _("There is no such player.")),
    "player_frozen": (403, _("This account is frozen. Our support can tell you why.")),
    "right_missing": (403, _("Your role does not allow this.")),
    "administrator_unknown": (403, _("There is no such administrator.")),
    "certificate_unknown": (404, _("There is no such certificate.")),
    "api_client_unknown": (404, _("There is no such API client.")),
    "sign_in_refused": (
        403,
        _("Name or password are wrong, or this certificate belongs to somebody else. Nothing was opened."),
    ),
    "username_taken": (409, _("There is an administrator with this name.")),
    "own_request": (403, _("Nobody decides on a request of their own. Another person must do it.")),
    # Withdrawal
    "withdrawal_unknown": (404, _("There is no such top-up or purchase.")),
    "withdrawal_not_paid": (409, _("This top-up was not paid: there is nothing to withdraw from.")),
    "withdrawal_not_offered": (409, _("Where you live there is no right to withdraw from this.")),
    "withdrawal_too_late": (409, _("The time in which you could withdraw is over.")),
    "withdrawal_done": (409, _("You have withdrawn from this already.")),
    "withdrawal_used_up": (409, _("Everything was used already: nothing is left that could go back.")),
    "withdrawal_given_up": (
        409,
        _("You asked that it begins at once, and gave up the right to withdraw. It has begun."),
    ),
    "withdrawal_refund_open": (409, _("Money for this is just going back. Try again when that is decided.")),
    # Payouts of providers at the bank
    "payout_none": (422, _("Choose a settlement that paid something out.")),
    "payout_arrived": (409, _("Another entry of the bank has brought this payout.")),
    "payout_other_currency": (422, _("The entry is in another currency than the payout.")),
    "payout_of_two": (422, _("An entry brings payouts of one provider. Choose settlements of one.")),
    # Wallet, ledger
    "insufficient_funds": (402, _("There is not enough in the wallet. Top up first.")),
    "wallet_frozen": (403, _("This wallet is frozen. Our support can tell you why.")),
    "wallet_unknown": (404, _("There is no such wallet.")),
    "hold_unknown": (404, _("There is no such hold.")),
    "hold_id_reused": (422, _("This hold was made before with other contents.")),
    "book_without_floor": (422, _("Nothing can be set aside on this account.")),
    "hold_closed": (409, _("This hold is closed already.")),
    "hold_expired": (409, _("This hold has expired.")),
    "capture_exceeds_hold": (422, _("This is more than what was held, or nothing.")),
    "spend_unknown": (404, _("Nothing was spent under this reference.")),
    "return_exceeds_spend": (409, _("This is more than what was spent and not given back yet.")),
    "return_key_reused": (422, _("This key was used before to give back another amount.")),
    "not_transferable": (409, _("What is in this wallet can't be moved to somebody else.")),
    "recipient_is_sender": (422, _("Choose another wallet than the one that this comes from.")),
    "recipient_unknown": (404, _("There is no player of this name.")),
    "recipient_frozen": (409, _("This player can't receive anything right now.")),
    "message_too_long": (422, _("A message has at most {length_max} characters.")),
    # Between clusters
    "cluster_unknown": (404, _("There is no cluster {cluster} that this one is joined with.")),
    "transfer_unknown": (404, _("There is no such transfer.")),
    "transfer_finished": (409, _("This is over already: it has arrived, or it came back.")),
    "transfer_id_reused": (409, _("Another transfer came under this id before.")),
    "transfer_malformed": (422, _("What another cluster told of this transfer does not add up.")),
    "unit_differs": (409, _("A unit is not worth the same in the other cluster.")),
    "cancelled": (409, _("The sender wanted it back before it arrived.")),
    "statement_unknown": (404, _("There is no such netting statement.")),
    "statement_open": (
        409,
        _("A netting statement in this currency waits for the other cluster. Ask it again first."),
    ),
    "statement_not_agreed": (409, _("The other cluster has not agreed to this statement.")),
    "statement_booked": (409, _("This statement is booked already.")),
    "statement_id_reused": (409, _("Another netting statement came under this id before.")),
    "nothing_to_settle": (409, _("Nothing is owed in this currency that is in no statement yet.")),
    "transfers_open": (409, _("Transfers from before still wait for {cluster}. Settle when they are over.")),
    "netting_in_future": (422, _("A netting statement ends today or on a day before.")),
    "netting_too_early": (409, _("An earlier netting statement goes further. Choose a later day.")),
    "letter_malformed": (422, _("This is no letter of a cluster's, or not the whole of it.")),
    "letter_is_ours": (422, _("This letter was written here. The other cluster's operator has to read it.")),
    "letter_for_another": (
        422,
        _("This letter was written to the cluster {cluster}. Ask for one to this cluster."),
    ),
    "letter_of_another_version": (
        422,
        _("This letter was written by another version of Warchest. Bring both to the same one first."),
    ),
    "no_gateway": (
        409,
        _(
            "This house has no gateway for other clusters. Set embedded and gateway_port of [broker] in warchest.toml."
        ),
    ),
    "cluster_configured": (409, _("The cluster {cluster} stands in warchest.toml. Change it there.")),
    "cluster_merged": (409, _("The clusters are merged already.")),
    "cluster_still_merged": (
        409,
        _("The cluster {cluster} is merged with this one, or was. Part from it first."),
    ),
    "fingerprint_differs": (
        409,
        _("These are not the digits that both houses have. Somebody may have changed a letter on its way."),
    ),
    "dry_run_missing": (409, _("First have a dry run done, not longer ago than a day.")),
    "dry_run_found": (409, _("The last dry run found something that has to be mended first.")),
    "transfers_waiting": (
        409,
        _("{waiting} transfers between the two clusters are under way. They are finished or undone first."),
    ),
    "head_malformed": (422, _("This is no head that the other cluster has signed.")),
    "call_unknown": (404, _("Other clusters can't have this done here.")),
    "call_malformed": (422, _("The other cluster asked in a way that can't be understood here.")),
    "entry_unknown": (404, _("There is no such journal entry.")),
    "month_unknown": (404, _("The journal has no tables of this month, or not any more.")),
    "month_not_over": (409, _("A month can be archived when it has been over for a month.")),
    "month_not_oldest": (409, _("Months are archived one after the other: an older one comes first.")),
    "month_not_sealed": (
        409,
        _("This month is not folded and sealed yet. Let the worker run, then try again."),
    ),
    "entry_already_reversed": (409, _("This entry was reversed before.")),
    "reversal_exceeds_entry": (409, _("This is more than what is left of the entry to be reversed.")),
    "payment_hangs_on_entry": (
        409,
        _(
            "A payment hangs on this entry. Undo it by refunding the payment: that books the mirror image too."
        ),
    ),
    "card_hangs_on_entry": (
        409,
        _(
            "Cards hang on this entry, and a reversal would leave them as they are. Undo it where cards are kept: by"
            " taking the cards back, or by blocking them."
        ),
    ),
    "subscription_hangs_on_entry": (
        409,
        _(
            "Time of a subscription hangs on this entry, and a reversal would leave it standing. Undo it by cancelling"
            " the subscription."
        ),
    ),
    "commission_hangs_on_entry": (
        409,
        _("A commission hangs on this entry. Undo it by giving back the sale that it was earned by."),
    ),
    "wallet_hangs_on_entry": (
        409,
        _(
            "Units in a player's wallet hang on this entry, and a reversal would leave its lots as they are. Undo it"
            " by giving back what was spent."
        ),
    ),
    "cluster_hangs_on_entry": (
        409,
        _("What another cluster has booked hangs on this entry. A transfer back undoes it in both."),
    ),
    # Catalogue, subscriptions
    "plan_unknown": (404, _("There is no such plan.")),
    "plan_not_offered": (
        409,
        _("This plan can't be bought where you live, or not any more. Choose another."),
    ),
    "online_service_unknown": (404, _("There is no such online service.")),
    "subscription_unknown": (404, _("There is no such subscription.")),
    "periods_out_of_range": (422, _("Choose between 1 and {periods_max} periods.")),
    "price_changed": (409, _("The price has just changed to {charge}. Look at it and confirm again.")),
    "ends_too_late": (422, _("The time would end more than fifty years from now.")),
    "day_not_over": (409, _("This day is not over yet.")),
    "code_taken": (409, _("This code is taken.")),
    "code_malformed": (422, _("A code has 1 to 40 small letters, digits or dashes.")),
    "name_missing": (422, _("A name is needed in at least one language.")),
    "price_not_positive": (422, _("A price must be more than zero.")),
    "price_in_past": (422, _("A price can only take effect now or later.")),
    "price_exists": (409, _("Another price takes effect at the same moment.")),
    # Payments
    "player_not_active": (403, _("This account is not active. Our support can tell you why.")),
    "return_url_malformed": (422, _("The return address must be a whole http or https address.")),
    "method_unknown": (404, _("There is no such saved way to pay.")),
    "method_forgotten": (409, _("This card was removed. Choose another.")),
    "method_expired": (409, _("This card has expired. Choose another.")),
    "saving_not_offered": (422, _("This way to pay can't be saved.")),
    "consent_malformed": (422, _("Say with 1 to 20 characters which wording was agreed to.")),
    "auto_top_up_unknown": (404, _("No automatic top-up was ever ordered.")),
    "threshold_out_of_range": (422, _("Choose an amount of credits below which to top up.")),
    "cap_below_amount": (422, _("The most in a month must be at least the amount of one top-up.")),
    "cap_currency_fixed": (
        409,
        _("This month something was charged in {currency} already. Change the currency next month."),
    ),
    "auto_top_up_off": (409, _("The automatic top-up is switched off.")),
    "auto_top_up_paused": (409, _("The automatic top-up is paused.")),
    "auto_top_up_waits": (409, _("The automatic top-up tries again later.")),
    "auto_top_up_under_way": (409, _("A top-up is under way already.")),
    "balance_sufficient": (409, _("There is enough in the wallet.")),
    "cap_reached": (409, _("The automatic top-up has reached {cap} {currency}, its most for this month.")),
    "amount_too_small": (409, _("The automatic top-up would not bring enough.")),
    "purpose_unknown": (422, _("Nothing of this kind can be bought directly.")),
    "quote_changed": (409, _("The rate has just changed. Look at the new one and confirm again.")),
    "provider_unknown": (422, _("There is no such way to pay. Choose another.")),
    "provider_disabled": (422, _("This way to pay is switched off. Choose another.")),
    "provider_misconfigured": (503, _("This way to pay does not work right now. Choose another.")),
    "provider_busy": (503, _("This way to pay is busy right now. Try again, or choose another.")),
    "provider_down": (503, _("This way to pay does not answer right now. Choose another.")),
    "method_not_offered": (422, _("This way to pay is not offered where you are. Choose another.")),
    "no_provider": (422, _("Nobody takes this payment: choose another amount, currency or way to pay.")),
    "no_provider_now": (503, _("Nobody takes payments right now. Try again in some minutes.")),
    "payment_blocked": (403, _("We can't take this payment. Write to us if you think that we should.")),
    "payment_too_old": (409, _("Its rate holds no longer. Begin a new payment.")),
    "payment_not_open": (409, _("This payment is over already.")),
    "payment_not_over": (409, _("This payment is still under way. Cancel it first.")),
    "payment_not_voidable": (
        409,
        _("The provider can't take this payment back. It is over when the provider says so."),
    ),
    "payment_not_in_review": (409, _("This payment is not under review.")),
    "review_of_another_person": (409, _("You have decided about it. It takes a second person.")),
    "review_votes_differ": (
        409,
        _("Somebody has decided otherwise. Agree with each other; the first decision stands until then."),
    ),
    "nothing_was_taken": (409, _("The provider has not taken anything for it: there is nothing to credit.")),
    # Providers' settings and rules of the house
    "provider_not_installed": (404, _("There is no such plug-in.")),
    "provider_in_file": (
        409,
        _("The settings of {provider} stand in the configuration file. Take them out of it first."),
    ),
    "settings_do_not_fit": (422, _("The plug-in does not take this: {explanation}")),
    "settings_changed_meanwhile": (
        409,
        _("Somebody has changed these settings since you opened the page. Look at them again."),
    ),
    "provider_not_configured": (409, _("Configure {provider} first.")),
    "overlap_too_long": (422, _("Former settings may be believed for {hours} hours at most.")),
    "rule_malformed": (422, _("This does not make a rule: {field}: {explanation}")),
    "rule_in_past": (422, _("A rule can only begin, or end, now or later.")),
    "rule_unknown": (404, _("There is no such rule.")),
    "rule_ended": (409, _("This rule has ended already, or ends earlier.")),
    "notice_unknown": (404, _("There is no such notice.")),
    "currency_not_supported": (422, _("This way to pay takes no {currency}. Choose another.")),
    "amount_out_of_range": (422, _("Choose an amount from {least} to {most} {currency}.")),
    "payment_unknown": (404, _("There is no such payment.")),
    "attempt_open": (409, _("The last try may still succeed. Wait until it is over.")),
    "payment_over": (409, _("This payment is over already.")),
    "attempts_too_many": (409, _("This was tried {attempts_max} times. Begin a new payment.")),
    # Money that goes back
    "refund_exceeds_payment": (409, _("At most {most} of this payment can still go back.")),
    "payment_not_refundable": (409, _("This payment brought nothing that could go back.")),
    "refunds_not_supported": (409, _("This provider gives nothing back, or only the whole payment.")),
    "refund_unknown": (404, _("There is no such refund.")),
    "refund_decided": (409, _("This refund is over already.")),
    "currency_differs": (422, _("A refund is in the currency of the payment: {currency}.")),
    "units_gone": (503, _("The wallet has just changed. Try again.")),
    "time_gone": (503, _("The subscription has just changed. Try again.")),
    "debt_smaller": (409, _("This is more than what is owed.")),
    "dispute_unknown": (404, _("There is no such dispute.")),
    "dispute_decided": (409, _("This dispute is decided already.")),
    "evidence_not_supported": (409, _("This provider takes evidence at its own desk only.")),
    "evidence_too_late": (409, _("The provider takes no more evidence in this dispute.")),
    "settlements_not_supported": (422, _("This provider tells no settlements in this way.")),
    "settlement_differs": (409, _("Settlement {number} was taken in before, with other contents.")),
    "settlement_unknown": (404, _("There is no such settlement.")),
    "settlement_line_unknown": (404, _("There is no such line in a settlement.")),
    "settlement_line_settled": (409, _("This line is settled already.")),
    "settlement_lines_malformed": (422, _("The lines of this settlement contradict each other.")),
    "book_not_for_differences": (422, _("A difference is not booked there. Choose another book.")),
    "settlement_not_ready": (503, _("The provider has not settled this day yet. Ask later.")),
    "provider_silent": (503, _("The provider does not answer right now. Ask later.")),
    "notice_too_large": (413, _("The notice is too large.")),
    "notice_signature_wrong": (401, _("The notice's signature is wrong.")),
    "notice_malformed": (400, _("The notice can't be read.")),
    "notice_unverifiable": (503, _("The notice can't be checked right now. Send it again later.")),
    # The bank
    "file_malformed": (422, _("This file can't be read, or is of another kind than is wanted.")),
    "file_not_whole": (
        422,
        _("This file is not whole: what it begins with and its lines do not make what it ends with."),
    ),
    "file_of_another_account": (422, _("This file is of another account.")),
    "provider_reads_no_statements": (422, _("This way to pay has nothing to do with statements of a bank.")),
    "provider_writes_no_orders": (422, _("This way to pay has nothing to do with orders to a bank.")),
    "statement_differs": (
        409,
        _("The statement {statement} was imported before and said something else. Nothing was imported."),
    ),
    "bank_entry_unknown": (404, _("There is no such entry of the bank.")),
    "bank_entry_settled": (409, _("This entry of the bank is settled already.")),
    "bank_entry_outgoing": (409, _("This money left: it can be no payment, and can't be sent back.")),
    "bank_amount_differs": (
        409,
        _("The payment asks for another amount. Credit what arrived, or send it back."),
    ),
    "bank_payment_settled": (409, _("This payment was settled before, or is none by bank transfer.")),
    "bank_account_unknown": (409, _("The bank does not tell from which account this came.")),
    "bank_book_not_allowed": (422, _("Nothing is booked against this book by hand.")),
    "bank_entry_not_in_books": (
        422,
        _("That journal entry does not move this amount at the bank."),
    ),
    "bank_two_people": (
        409,
        _("This payment is decided among the reviews."),
    ),
    "bank_note_missing": (422, _("Say in a few words why.")),
    "payouts_missing": (409, _("Nothing waits to be transferred.")),
    "payout_file_unknown": (404, _("There is no such file of orders.")),
    "orders_missing": (422, _("A file needs at least one order.")),
    "iban_wrong": (422, _("An account number is wrong: look at order {reference}.")),
    "order_malformed": (422, _("Order {reference} is not one that a bank takes.")),
    # Receipts, invoices, credit notes
    "document_unknown": (404, _("There is no such document.")),
    "document_issued": (409, _("This entry has its document already.")),
    "document_without_reader": (409, _("There is nobody to send this document to.")),
    "tax_rate_unexplained": (409, _("No tax rate that was in force makes this tax of this net.")),
    "pdf_not_installed": (503, _("Documents can't be had as PDF right now. All that they say stands here.")),
    "invoice_name_missing": (422, _("Give a name, or leave the rest empty too.")),
    "invoice_address_missing": (422, _("A business's invoice needs its address.")),
    "invoice_address_too_long": (
        422,
        _("An address has at most {lines_max} lines of at most {length_max} characters."),
    ),
    "vat_country_unknown": (422, _("A VAT number begins with the two letters of its country, as DE or FR.")),
    "vat_number_malformed": (422, _("A VAT number of this country looks different. Check it.")),
    "vat_number_mistyped": (422, _("A digit of this VAT number is wrong. Check it.")),
    "vat_country_differs": (422, _("The VAT number is of another country than the address.")),
    "person_erased": (409, _("The data of this person were erased.")),
    # Referrals
    "sponsor_code_unknown": (422, _("Nobody has this invitation code. Check it, or leave it empty.")),
    "already_joined": (409, _("This player has a place in the tree already.")),
    "player_not_in_tree": (404, _("This player has no place in the tree.")),
    "plan_exists": (409, _("Another commission plan takes effect at the same moment.")),
    "levels_out_of_range": (422, _("A commission plan has 1 to 20 levels.")),
    "rates_out_of_range": (422, _("Each rate must be more than zero, and all together at most the whole.")),
    "plan_in_past": (422, _("A commission plan can only take effect now or later.")),
    "cursor_malformed": (422, _("The cursor is not one of ours.")),
    # Resellers, shipments, tills
    "reseller_unknown": (404, _("There is no such reseller.")),
    "reseller_name_malformed": (
        422,
        _("A reseller's name has 2 to 64 small letters, digits and dashes, a letter first."),
    ),
    "reseller_name_taken": (409, _("There is a reseller of this name.")),
    "reseller_title_missing": (422, _("Say what the reseller is called.")),
    "reseller_margin_out_of_range": (
        422,
        _("A margin lies between 0 and 100 per cent, and is no more than that of the reseller above."),
    ),
    "reseller_outside_parent": (
        422,
        _("A reseller sells in the countries and settles in the currency of the reseller above it."),
    ),
    "reseller_above_children": (
        409,
        _("A reseller below this one has a higher margin, or more countries. Change that one first."),
    ),
    "reseller_credit_malformed": (
        422,
        _("A credit limit is an amount of real money, and days of payment are 0 to 365."),
    ),
    "person_of_another_reseller": (409, _("This player acts for another reseller.")),
    "till_of_another_reseller": (403, _("This key sells for another reseller.")),
    "shipment_unknown": (404, _("There is no such shipment.")),
    "not_next_in_chain": (
        422,
        _("Cards go to a reseller right below, and back to who is right above."),
    ),
    "batch_not_for_stock": (409, _("The cards of this batch do not lie in our stock.")),
    "batch_blocked": (409, _("This batch is blocked.")),
    "batch_expired": (409, _("The cards of this batch have expired.")),
    "batch_outside_region": (
        409,
        _("The cards of this batch can be activated in none of this reseller's countries."),
    ),
    "batch_currency_differs": (
        409,
        _("This reseller settles in {currency}, and the cards cost another one."),
    ),
    "cards_not_available": (
        409,
        _("Some cards of this range are sold, blocked, with somebody else or on their way: {serial} is one."),
    ),
    "range_away": (409, _("Some cards of this range are in another shipment.")),
    "shipment_not_draft": (409, _("This shipment was sent already.")),
    "shipment_not_sent": (409, _("This shipment was not sent yet.")),
    "shipment_over": (409, _("This shipment is over.")),
    "range_not_on_its_way": (409, _("This range is not on its way, or not all of it.")),
    "reseller_suspended": (409, _("This reseller is suspended.")),
    "reseller_overdue": (409, _("{overdue} are overdue. New cards go out when that is paid.")),
    "credit_limit_exceeded": (409, _("This would be {over} more than the reseller may owe.")),
    "payment_malformed": (
        422,
        _("Say how much was paid, more than zero and in the reseller's currency, and under which reference."),
    ),
    "payment_noted_before": (409, _("Another amount was noted under this reference.")),
    "request_id_malformed": (422, _("A request id has 1 to {length_max} printable characters.")),
    "request_id_reused": (422, _("This request id was used before for something else.")),
    "request_unknown": (404, _("Nothing was done under this request id.")),
    "sold_at_out_of_range": (422, _("The moment of a sale lies within the last {days} days.")),
    "card_not_in_stock": (409, _("This reseller does not have this card.")),
    "card_already_sold": (409, _("This card is sold already.")),
    "sale_unknown": (404, _("This card was not sold under this request id.")),
    "sale_already_reversed": (409, _("This sale was reversed before.")),
    "reversal_too_late": (409, _("A sale can be reversed within {minutes} minutes only.")),
    # Cards
    "card_code_unknown": (422, _("This is not a code of ours. Check it and type it again.")),
    "card_already_activated": (409, _("This card has been activated before.")),
    "card_blocked": (409, _("This card is blocked. Our support can tell you why.")),
    "card_expired": (409, _("This card has expired.")),
    "card_not_sold": (409, _("This card has not been sold yet. Ask where you bought it.")),
    "card_not_for_country": (409, _("This card can't be activated in your country.")),
    "card_not_for_service": (409, _("This card is for one game only, and can't be activated elsewhere.")),
    "campaign_used": (409, _("You have had a card of this campaign. There is one for each player.")),
    "new_players_only": (
        409,
        _("This card is for new players, who registered in the last {days} days."),
    ),
    "card_unknown": (404, _("There is no such card.")),
    "nothing_to_verify": (
        422,
        _("Type the whole code, or the serial and the last four characters of the code."),
    ),
    "last_four_wrong": (422, _("The code of this card ends otherwise.")),
    "card_void": (409, _("This card is void already.")),
    "card_is_virtual": (
        409,
        _("A virtual card is not replaced: its buyer can see the code again, or give the card back."),
    ),
    "batch_closed": (409, _("The batch of this card is closed, so no further card of it can be issued.")),
    "nothing_to_extend": (
        409,
        _("None of these cards is unused and ends before that day."),
    ),
    "lock_unknown": (404, _("Nobody is locked out there now.")),
    # Batches of cards
    "batch_unknown": (404, _("There is no such batch.")),
    "quantity_out_of_range": (422, _("A batch has 1 to {quantity_max} cards.")),
    "card_worth_malformed": (
        422,
        _("Say what a card gives: amounts, periods of plans, passes; at most {worths_max} things in all."),
    ),
    "worth_of_other_service": (422, _("Cards for one online service can't give time or passes of another.")),
    "card_worth_twice": (422, _("A card gives each thing once: put equal ones together.")),
    "worth_is_over": (422, _("Nobody gets passes for this tournament any more.")),
    "pass_held": (409, _("You have a pass for this tournament already. The card stays good.")),
    "tournament_full": (409, _("All places of this tournament are taken. The card stays good.")),
    "tournament_over": (
        409,
        _("This tournament is over. Our support can tell you what to do with the card."),
    ),
    "tournament_unknown": (404, _("There is no such tournament.")),
    "tournament_not_a_period": (422, _("The tournament must end after it begins, and later than now.")),
    "capacity_out_of_range": (422, _("Say how many places there are; 0 means room for all.")),
    "single_purpose_gives_money": (
        422,
        _("Cards that are taxed at their sale can't give money: nobody knows yet what it will be spent on."),
    ),
    "worth_without_price": (
        422,
        _("One of these things has no price of its own, so the card's price can't be shared among them."),
    ),
    "card_face_malformed": (422, _("Say in real money what a buyer pays for one card.")),
    "card_expiry_in_past": (422, _("The cards must be valid beyond today.")),
    "code_too_guessable": (
        422,
        _(
            "Codes of this length have {entropy_bits} random bits, and at least {entropy_bits_min} are needed."
        ),
    ),
    "code_too_long": (422, _("A code has at most {code_length_max} characters.")),
    "margin_out_of_range": (422, _("A margin is between nothing and all of the price.")),
    "region_unknown": (422, _("The country {region} is not known.")),
    "serial_prefix_malformed": (422, _("A prefix has up to six capital letters or digits, a letter first.")),
    "serial_series_malformed": (422, _("A series is a number from 1 to 9999.")),
    "serial_series_taken": (409, _("This series was used before. Choose the next one.")),
    "batch_already_decided": (409, _("Somebody has decided on this batch already.")),
    "digest_changed": (409, _("This is not what was ordered. Load the page again and look once more.")),
    "reason_missing": (422, _("Give a reason.")),
    "batch_not_approved": (409, _("The batch is not approved yet.")),
    "batch_already_generated": (409, _("The codes of this batch were generated before.")),
    "batch_not_generated": (409, _("The codes of this batch are not generated yet.")),
    "already_handed_over": (409, _("This batch was handed over before. Codes are handed over once.")),
    "print_file_gone": (410, _("No file waits: it was fetched, or nobody fetched it in time.")),
    "print_file_being_fetched": (409, _("Somebody fetches the file just now. Wait until they are done.")),
    "batch_not_open": (409, _("Only what waits for approval or is approved can be changed.")),
    "batch_cards_issued": (409, _("Cards of this batch were sold already, so it can't be changed.")),
    "nothing_changed": (422, _("This is what was ordered already.")),
    "batch_already_over": (409, _("This batch is over already.")),
    "batch_out_of_the_house": (409, _("Cards of this batch are out of the house. Close it instead.")),
    "batch_in_the_house": (409, _("Nothing of this batch is out of the house. Cancel it instead.")),
    "batch_not_handed_over": (409, _("This batch is not handed over.")),
    "batch_is_imported": (409, _("An older system made the cards of this batch: bring its file instead.")),
    "batch_is_ours": (409, _("The order of this batch is not for cards of an older system.")),
    "already_imported": (409, _("The cards of this batch were taken in before.")),
    "import_malformed": (
        422,
        _(
            "Imported cards need their file and a way in which their codes were hashed. They are never issued one by one, have"
            " no spares and no print house, and no reseller where each sale is taxed."
        ),
    ),
    "import_scheme_unknown": (422, _("This way of hashing codes is not in the configuration.")),
    "import_file_differs": (409, _("This is not the file that was ordered and approved.")),
    "import_file_too_long": (
        413,
        _("The file is longer than {bytes_max} bytes. Divide it, and order a batch for each part."),
    ),
    "import_file_malformed": (
        422,
        _("Line {line}: this is no table with the columns Serial, Hash and, if you like, LastFour."),
    ),
    "import_serial_malformed": (422, _("Line {line}: a serial has 1 to 20 letters and digits.")),
    "import_hash_malformed": (422, _("Line {line}: this is no hash of the chosen kind.")),
    "import_serial_twice": (422, _("Line {line}: serial {serial} stands in the file before.")),
    "import_hash_twice": (422, _("Line {line}: the card {serial} has the same code as one before it.")),
    "import_serial_taken": (409, _("There is a card with the serial {serial} already, or there may be one.")),
    "import_code_taken": (
        409,
        _("A card of this file is here already, under this or another serial. {serial}"),
    ),
    "serials_taken": (409, _("Another batch has some of these serials. Order it anew with another prefix.")),
    "hand_over_asked": (409, _("Somebody asked for the hand-over already. It waits for a second person.")),
    "hand_over_unknown": (404, _("There is no such request for a hand-over.")),
    "hand_over_withdrawn": (409, _("This request for a hand-over was withdrawn.")),
    "printer_unknown": (404, _("There is no such print house, or it gets nothing any more.")),
    "printer_differs": (409, _("The batch was approved for another print house.")),
    "printer_key_differs": (
        409,
        _(
            "This is not the print house's key that was approved, asked for or shown. Compare the fingerprints."
        ),
    ),
    "printer_name_taken": (409, _("There is a print house of this name.")),
    "printer_name_malformed": (
        422,
        _("A print house's name has 2 to 60 small letters, digits and dashes, a letter first."),
    ),
    "printer_title_missing": (422, _("Say what the print house is called.")),
    "printer_key_malformed": (
        422,
        _("This is no public key of age. It begins with age1; the secret key stays with the print house."),
    ),
    "card_not_as_printed": (
        409,
        _("Card {serial} is no longer as it was printed, so no spare can take its place."),
    ),
    "cards_out_of_range": (422, _("Name 1 to {cards_max} cards.")),
    "spares_used_up": (409, _("Not enough spares are left: {left}.")),
    "stock_batch_malformed": (422, _("Cards for our own stock need a price, and no reseller yet.")),
    "spares_out_of_range": (
        422,
        _("A batch has at most as many spares as cards, and none where cards are issued one by one."),
    ),
    "code_format_malformed": (422, _("Choose one of the alphabets, and groups of 2 to 8 characters.")),
    "serial_format_malformed": (422, _("Serials have 4 to 9 digits, with room for all cards and spares.")),
    "serial_range_malformed": (422, _("The first and the last serial must be of one series, in this order.")),
    # Stores and virtual cards
    "virtual_batch_malformed": (
        422,
        _("Cards that are issued one by one need a reseller, the product's name there, and a price."),
    ),
    "batch_is_virtual": (409, _("The cards of this batch are issued one by one, as they are sold.")),
    "order_line_differs": (409, _("Cards were issued for this line, but of another product or number.")),
    "order_closed": (409, _("This order is closed: its codes were given and are no longer kept.")),
    "order_cancelled": (409, _("This order was cancelled.")),
    "order_unknown": (404, _("There is no such order.")),
    "order_too_long": (422, _("An order has at most {lines_max} lines with cards.")),
    "store_unknown": (404, _("There is no such store.")),
    "card_not_on_offer": (409, _("This card is not for sale right now.")),
    "units_not_for_cards": (
        409,
        _("Credits that you were given can't be used for cards. Top up, and buy it with those."),
    ),
    "units_of_several_currencies": (
        409,
        _("A card is paid for in one currency, and none of those in this wallet is enough by itself."),
    ),
    "gift_address_malformed": (422, _("This is not an e-mail address.")),
    "gift_message_too_long": (422, _("The message is too long: it has at most {length_max} characters.")),
    "gift_name_malformed": (422, _("The name has at most {length_max} characters, on one line.")),
    "gift_date_out_of_range": (
        422,
        _("Choose a day from today on, within {days_max} days, before the card runs out."),
    ),
    "gift_language_unknown": (422, _("There is no mail in the language {language}.")),
    "bought_card_unknown": (404, _("This player has bought no such card.")),
    "bought_card_cancelled": (409, _("This card was given back.")),
    "cancel_time_over": (409, _("The time in which this card could be given back is over.")),
    "gift_on_its_way": (409, _("This gift is on its way, and stays given.")),
    "gift_delivered": (409, _("This gift was delivered, and stays given.")),
    "code_forgotten": (410, _("The code of this card is no longer kept. The mail still has it.")),
    "code_is_gift": (409, _("The code of a gift is for whoever gets it.")),
    "no_gift": (409, _("This card is no gift.")),
    "gift_not_correctable": (409, _("The mail of this gift has not come back.")),
    "gift_sends_used_up": (409, _("This gift was sent to {sends_max} addresses. Our support can help.")),
    "desk_quantity_out_of_range": (422, _("At the desk 1 to {quantity_max} cards are sold at once.")),
    "desk_issue_unknown": (404, _("There is no such sale at the desk.")),
    "desk_codes_shown": (409, _("These codes were shown, once, and are no longer kept.")),
    "desk_codes_of_another": (403, _("Only whoever sold these cards sees their codes.")),
    "desk_issue_taken_back": (409, _("These cards were taken back.")),
    "stock_empty": (503, _("No card of this product is left to sell.")),
    "store_misconfigured": (503, _("This store does not work right now.")),
    "store_disabled": (409, _("This store is switched off.")),
    "store_signature_wrong": (401, _("The signature of the call is wrong.")),
    "store_call_malformed": (400, _("The call can't be read.")),
    # Administrators, keys, certificates
    "api_client_name_missing": (422, _("Give the program a name.")),
    "scopes_missing": (422, _("Choose at least one right.")),
    "calls_per_second_out_of_range": (422, _("Choose between 1 and {calls_per_second_max} calls a second.")),
    "certificate_days_out_of_range": (422, _("A certificate is valid for 1 to {days_max} days.")),
    "authority_expired": (503, _("The certificate authority has expired. An operator must renew it.")),
    "name_too_long": (422, _("This name is too long for a certificate.")),
    "not_a_period": (422, _("The certificate must end after it begins.")),
    "nothing_to_certify": (422, _("A certificate needs at least one name or address.")),
    # Accounting systems (ERPs)
    "exporter_unknown": (404, _("There is no such accounting system, or it is not in the configuration.")),
    "exporter_misconfigured": (503, _("The configuration of this accounting system is wrong: {explanation}")),
    "export_not_begun": (409, _("Nothing is handed to this accounting system yet. Begin first.")),
    "export_begun": (409, _("This was begun before, from another place or with other numbers.")),
    "export_position_unknown": (422, _("The books are not that long yet.")),
    "erp_number_out_of_range": (422, _("Choose a number from 1 to {number_max}.")),
    "erp_document_unknown": (404, _("There is no such document for an accounting system.")),
    "erp_document_acknowledged": (409, _("This document is acknowledged already.")),
    "erp_document_waiting": (409, _("This document is about to be sent anyway.")),
    "erp_document_not_sent": (409, _("This document has never been sent.")),
    "erp_account_missing": (409, _("An account of the book {book} has no mapping. Map it first.")),
    "erp_account_malformed": (
        422,
        _("An account over there has 1 to {length_max} characters, without spaces at its ends."),
    ),
    "erp_owner_malformed": (422, _("Say whose accounts are meant, or * for all.")),
    "erp_customer_malformed": (422, _("This has 1 to {length_max} characters, without spaces at its ends.")),
    "erp_customer_missing": (422, _("For receipts, say both from which customer money comes, and how.")),
    "treatment_not_offered": (422, _("This accounting system can't be told that.")),
    "field_too_long": (422, _("The accounting system takes at most {length_max} characters in {field}.")),
    "field_malformed": (422, _("The accounting system can't take what stands in {field}.")),
    "amount_not_sayable": (422, _("The accounting system can't take an amount of {amount}.")),
    "number_out_of_range": (422, _("The accounting system can't take the number {number}.")),
    "document_not_supported": (422, _("The accounting system takes no documents of this kind.")),
    # Books, reports, deliveries
    "book_unknown": (422, _("The chart of accounts has no such book.")),
    "entry_empty": (422, _("An entry needs legs with amounts above zero.")),
    "entry_unbalanced": (422, _("Debits and credits differ.")),
    "entry_key_reused": (409, _("This key was used for another entry.")),
    "operation_unknown": (404, _("There is no such line in the record of operations.")),
    "days_malformed": (422, _("The last day must follow the first.")),
    "days_too_many": (422, _("These are too many days for one report. Choose fewer.")),
    "delivery_unknown": (404, _("There is no such delivery.")),
    "delivery_waiting": (409, _("This delivery is still waiting for its turn.")),
    "endpoint_unknown": (404, _("There is no such endpoint.")),
    "mail_kind_unknown": (422, _("There is no such kind of mail.")),
    "mail_unknown": (404, _("There is no such mail.")),
    "mail_not_stuck": (409, _("This mail needs no help.")),
    # HTTP API
    "request_malformed": (422, _("The request does not have the documented shape.")),
    "key_missing": (401, _("The request needs an API key: Authorization: Bearer <key>.")),
    "key_unknown": (401, _("This API key is not known, or no longer valid.")),
    "scope_missing": (403, _("This API key may not do this: it lacks the scope {scope}.")),
    "not_found": (404, _("There is nothing at this address.")),
    "method_not_allowed": (405, _("This can't be done at this address.")),
    "length_required": (411, _("The request must say how long its body is.")),
    "body_too_large": (413, _("The body of the request is too large.")),
    "media_type_not_supported": (415, _("The body of the request must be application/json.")),
    "instance_unknown": (404, _("This instance is not there any more.")),
    "internal_error": (500, _("Something went wrong on our side. It has been written down.")),
}

_NUMBER = re.compile(r"[0-9]{1,30}(\.[0-9]{1,8})?")

_PASSING: dict[str, tuple[int, str | Promise]] = {
    "cluster_unreachable": (
        503,
        _(
            "This player's home is the cluster {cluster}, and the line there is cut. Try again when it is back."
        ),
    ),
    "cluster_not_merged": (503, _("The other house has not merged with this one yet, or not any more.")),
    "line_cut": (503, _("The line to the cluster {cluster} is cut. What can't be asked now waits there.")),
    "service_unavailable": (
        503,
        _("This part of the house does not answer right now. Try again in a moment."),
    ),
    "busy": (503, _("Much is going on right now. Try again in a moment.")),
    "too_many_requests": (429, _("Too many calls. Try again in a moment.")),
    "database_unreachable": (503, _("This can't be done right now. Try again in a moment.")),
    "transaction_pending": (
        503,
        _("It is decided, but not yet to be seen everywhere. Ask again in a moment, with the same key."),
    ),
    "too_many_attempts": (429, _("Too many wrong codes. Try again later.")),
}


def is_told(reason: str) -> bool:
    """Whether this refusal has a sentence of its own."""
    return reason in _REFUSALS or reason in _PASSING


def explain(refusal: UnableTo | TryAgain) -> Explanation:
    """What to answer, in the language that is active now. An unlisted refusal is told in general words, as 409 or 503."""
    if isinstance(refusal, TryAgain):
        status, text = _PASSING.get(
            refusal.reason, (503, _("This can't be done right now. Try again in a moment."))
        )
    else:
        status, text = _REFUSALS.get(refusal.reason, (409, _("This can't be done.")))
    details = _Details({name: _in_readers_form(value) for name, value in refusal.details.items()})
    return Explanation(refusal.reason, status, str(text).format_map(details))


def _in_readers_form(detail: Any) -> Any:
    """An amount ("1000.00") or a number as the reader writes it ("1.000,00"); all else as it is."""
    if not _NUMBER.fullmatch(str(detail)):
        return detail
    decimals = len(str(detail).partition(".")[2])
    pattern = "#,##0." + "0" * decimals if decimals else "#,##0"
    return format_decimal(Decimal(str(detail)), format=pattern, locale=to_locale(get_language() or "en"))


class _Details(dict[str, Any]):
    def __missing__(self, name: str) -> str:
        return "…"
