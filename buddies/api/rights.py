"""The permissions that the API of this app asks for."""

VIEW, ADD = "buddies.view_buddy", "buddies.add_buddy"
CHANGE, DELETE = "buddies.change_buddy", "buddies.delete_buddy"
EDIT_LIVE, EDIT_CAMPAIGN = "buddies.edit_live", "buddies.edit_campaign"
APPROVE = "buddies.approve_campaign"
VIEW_RELEASE, PUBLISH = "buddies.view_release", "buddies.publish_release"
