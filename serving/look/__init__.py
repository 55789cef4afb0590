"""How the pages look: colours, type and charts that the shop, the live view and the operator's page share."""
