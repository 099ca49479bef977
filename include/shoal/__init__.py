"""Shoal: what does this model see in every image of this bucket?"""
