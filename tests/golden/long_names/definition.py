"""Names of 64 characters, which no line can hold beside anything else, and names of a length that is met with."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from fluxaorm import Embedded, Entity, Field, Json, Reference, UInt8, UInt32, UniqueIndex


class WarehouseFulfilmentCentreAssignmentStatusOfTheNorthernRegionOfX(StrEnum):
    """64 characters."""

    OPEN = "open"


class WarehouseFulfilmentCentreAssignmentAddressOfTheNorthernRegionOf(Embedded):
    """64 characters."""

    city: str = ""


class WarehouseFulfilmentCentreAssignmentEntityOfTheNorthernRegionOfX(Entity):
    """A name of 64 characters."""

    id: UInt32
    warehouse_fulfilment_centre_assignment_status_of_the_northern_re: (
        WarehouseFulfilmentCentreAssignmentStatusOfTheNorthernRegionOfX | None
    )
    warehouse_fulfilment_centre_assignment_states_of_the_northern_re: (
        frozenset[WarehouseFulfilmentCentreAssignmentStatusOfTheNorthernRegionOfX] | None
    )
    warehouse_fulfilment_centre_assignment_address: WarehouseFulfilmentCentreAssignmentAddressOfTheNorthernRegionOf
    warehouse_fulfilment_centre_assignment_parent_of_the_northern_re: (
        Reference[WarehouseFulfilmentCentreAssignmentEntityOfTheNorthernRegionOfX] | None
    ) = None


class WarehouseFulfilmentCentreAssignmentPalletOfTheNorthernRegionOfX(Entity):
    """Refers to one with a long name."""

    id: UInt32
    warehouse_fulfilment_centre_assignment_entity_of_the_northern_re: Reference[
        WarehouseFulfilmentCentreAssignmentEntityOfTheNorthernRegionOfX
    ] = Field(unique=True)


class CustomerShippingAddressVerificationEntity(Entity):
    """Names of a length that is met with."""

    id: UInt32
    verification_status: Literal["pending", "verified"] | None = Field(
        default=None, enum_name="CustomerShippingAddressVerificationStatus"
    )
    verified_by_customer_support_representative: Reference[CustomerSupportRepresentativeEntity]
    customer_supplied_shipping_instructions: Json[dict[str, list[dict[str, tuple[int, str, float, bool]]]]]
    number: UInt8 = 0
    indexes = (
        UniqueIndex(
            "verified_by_customer_support_representative", "verification_status", "number", name="representative_status"
        ),
    )


class CustomerSupportRepresentativeEntity(Entity):
    """Referred to."""

    id: UInt32
