"""The survey on distillation: its tables, figures and claims, from recipes and runs; and the methods it tells of."""
