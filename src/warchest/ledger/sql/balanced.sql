-- True when, in each currency, the debits equal the credits, every amount is positive, and all legs are whole.
-- Amounts stop at ten to the fifteenth minor units, so that no sum of a thousand legs can overflow.
--
-- Every sale pays for it, leg by leg. So where one currency is shared there is one expression a leg, which turns the sum to null
-- at a leg without a side or with an amount that is not allowed; and sides are looked at as bytes.
CREATE OR REPLACE FUNCTION ledger_is_balanced(sides text, amounts bigint[], currencies text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    debit CONSTANT int := ascii('D');
    credit CONSTANT int := ascii('C');
    letters bytea := convert_to(sides, 'UTF8');
    legs int := cardinality(amounts);
    single bigint := 0;
    sums jsonb := '{}';
    signed bigint;
    currency text;
BEGIN
    IF legs < 2 OR legs > 1000 OR length(letters) <> legs THEN
        RETURN false;
    END IF;
    IF length(currencies) <= 3 THEN
        FOR i IN 1 .. legs LOOP
            single := single + CASE WHEN amounts[i] BETWEEN 1 AND 1000000000000000 THEN
                                    CASE get_byte(letters, i - 1) WHEN debit THEN amounts[i] WHEN credit THEN -amounts[i] END
                               END;
        END LOOP;
        RETURN coalesce(single = 0, false);
    END IF;
    IF length(currencies) <> 3 * legs THEN
        RETURN false;
    END IF;
    FOR i IN 1 .. legs LOOP
        signed := CASE get_byte(letters, i - 1) WHEN debit THEN amounts[i] WHEN credit THEN -amounts[i] END;
        IF signed IS NULL OR amounts[i] NOT BETWEEN 1 AND 1000000000000000 THEN
            RETURN false;
        END IF;
        currency := substr(currencies, 3 * i - 2, 3);
        sums := sums || jsonb_build_object(currency, coalesce((sums ->> currency)::bigint, 0) + signed);
    END LOOP;
    RETURN NOT EXISTS (SELECT FROM jsonb_each_text(sums) AS s WHERE s.value <> '0');
END $$;
