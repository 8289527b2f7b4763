"""How it speaks HTTP: results, inputs, the plain page, health. SOAP is handed to it ready made."""
