"""Minutes of consultations (biên bản hội chẩn): prefilled, frozen, drawn as PDF, and filed with the study."""
