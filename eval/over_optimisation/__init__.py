"""What optimising a proxy costs: curves of gold against KL, laws fitted to them, ensembles of proxies."""

from .curves import GaoFit, Law, Point, best_of_n_curve, best_of_n_kl, best_of_n_means, gao_fit, peak_kl, policy_curve

__all__ = ["GaoFit", "Law", "Point", "best_of_n_curve", "best_of_n_kl", "best_of_n_means", "gao_fit", "peak_kl", "policy_curve"]
