"""How far an answer can be defended: what people's labels say of its counts, and troubles of cameras that its tables show.

Enters: the tables of an answer, and labels
Leaves: samples, estimates, evaluations, reviews, repeat detections, findings on cameras
May import: compare, answers, pictures, models, bucket, results, tables, capacity, settings, stores, written, contract
"""
