"""What the page says: sentences, charts and views; pure where it can be. The templates are in paramedic_dashboards."""
