"""The encoders that come with cmsearch, one file each."""
