"""User management as this process offers it."""

from warchest.members import invoicing, moving_in, operations, queries


class LocalMembers:
    """Implements ``contract.Members`` over this process's own connection."""

    register_player = staticmethod(operations.register_player)
    change_preferences = staticmethod(operations.change_preferences)
    create_administrator = staticmethod(operations.create_administrator)
    register_certificate = staticmethod(operations.register_certificate)
    revoke_certificate = staticmethod(operations.revoke_certificate)
    hash_password = staticmethod(operations.hash_password)
    add_administrator = staticmethod(operations.add_administrator)
    note_certificate_used = staticmethod(operations.note_certificate_used)
    draw_api_key = staticmethod(operations.draw_api_key)
    register_api_client = staticmethod(operations.register_api_client)
    revoke_api_client = staticmethod(operations.revoke_api_client)
    issue_api_key = staticmethod(operations.issue_api_key)
    player = staticmethod(queries.player)
    players = staticmethod(queries.players)
    player_of_user = staticmethod(queries.player_of_user)
    address_of = staticmethod(queries.address_of)
    player_named = staticmethod(queries.player_named)
    roll = staticmethod(queries.roll)
    find_players = staticmethod(queries.find_players)
    administrator = staticmethod(queries.administrator)
    administrator_for = staticmethod(queries.administrator_for)
    administrators = staticmethod(queries.administrators)
    certificates = staticmethod(queries.certificates)
    certificate = staticmethod(queries.certificate)
    api_client_for = staticmethod(queries.api_client_for)
    examine_players = staticmethod(moving_in.examine_players)
    take_players = staticmethod(moving_in.take_players)
    by_external_ids = staticmethod(moving_in.by_external_ids)
    invoice_details = staticmethod(invoicing.invoice_details)
    keep_invoice_details = staticmethod(invoicing.keep_invoice_details)
    forget_invoice_details = staticmethod(invoicing.forget_invoice_details)
    note_vat_check = staticmethod(invoicing.note_vat_check)
    vat_numbers_to_check = staticmethod(invoicing.vat_numbers_to_check)
    seal_buyers = staticmethod(invoicing.seal_buyers)
    unseal_buyer = staticmethod(invoicing.unseal_buyer)
    destroy_person_key = staticmethod(invoicing.destroy_person_key)
